"""Heads on a feature of the pair, as a cross-encoder makes it, instead of one of each tower.

They read the terms of the backbone's own score, whose sum it is, and the feature behind it. The
feature's entries are about 1, for a layer norm made them.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from reward_training.config import HeadKind
from reward_training.heads import HIDDEN_WIDTH, Head

SCALE = 1.0
"""Of the own score at first, which has the units of a margin already."""


class PairHead(Head):
    """The backbone's own score times a learned positive scale."""

    def forward(
        self, first: Float[Tensor, "batch terms"], second: Float[Tensor, "batch feature"]
    ) -> Float[Tensor, " batch"]:
        """Return the scaled score."""
        del second
        return self.log_scale.exp() * first.sum(dim=-1)

    def last_features(
        self, first: Float[Tensor, "batch terms"], second: Float[Tensor, "batch feature"]
    ) -> Float[Tensor, "batch width"]:
        """Return what the last layer weighs: the raw reward is their sum with `last_weights`."""
        del second
        return self.log_scale.exp() * first

    def last_weights(self, width: int) -> Float[Tensor, " width"]:
        """Return the weights of that many last features."""
        return self.log_scale.new_ones(width)


class LinearPairHead(PairHead):
    """The scaled score plus a linear function of the feature, which starts at zero."""

    def __init__(self, scale: float, width: int) -> None:
        super().__init__(scale)
        self.weight = nn.Parameter(torch.zeros(1, width))

    def forward(
        self, first: Float[Tensor, "batch terms"], second: Float[Tensor, "batch feature"]
    ) -> Float[Tensor, " batch"]:
        """Return the scaled score plus the correction."""
        correction = functional.linear(self.read(second), self.weight).squeeze(-1)
        return super().forward(first, second) + correction

    def last_features(
        self, first: Float[Tensor, "batch terms"], second: Float[Tensor, "batch feature"]
    ) -> Float[Tensor, "batch width"]:
        """Return what the last layer weighs: the score's terms, then the correction's."""
        return torch.cat([super().last_features(first, second), self.read(second)], dim=-1)

    def last_weights(self, width: int) -> Float[Tensor, " width"]:
        """Return the weights of that many last features."""
        return torch.cat([super().last_weights(width - self.weight.shape[1]), self.weight[0]])

    def read(self, feature: Float[Tensor, "batch feature"]) -> Float[Tensor, "batch width"]:
        """Return what the correction is linear in."""
        return feature


class MlpPairHead(LinearPairHead):
    """The scaled score plus a network of one hidden layer, whose last layer starts at zero."""

    def __init__(self, scale: float, width: int, generator: torch.Generator) -> None:
        super().__init__(scale, HIDDEN_WIDTH)
        hidden = torch.empty(HIDDEN_WIDTH, width)
        nn.init.kaiming_normal_(hidden, nonlinearity="relu", generator=generator)
        self.hidden_weight = nn.Parameter(hidden)
        self.hidden_bias = nn.Parameter(torch.zeros(HIDDEN_WIDTH))

    def read(self, feature: Float[Tensor, "batch feature"]) -> Float[Tensor, "batch width"]:
        """Return the hidden layer."""
        return functional.gelu(functional.linear(feature, self.hidden_weight, self.hidden_bias))


def make_pair_head(kind: HeadKind, *, width: int, generator: torch.Generator) -> PairHead:
    """Make an untrained head on features of a width, which gives the backbone's own score."""
    if kind == "linear":
        return LinearPairHead(SCALE, width)
    if kind == "mlp":
        return MlpPairHead(SCALE, width, generator)
    return PairHead(SCALE)
