"""From image and text features to a raw reward, in the units of Bradley-Terry's margin."""

import math
from abc import ABC, abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from reward_training.config import HeadKind
from reward_training.whitening import Whitening, with_entries_of_one

HIDDEN_WIDTH = 64


class Head(nn.Module, ABC):
    """From the two things that a backbone makes of pairs (`Backbone.join`) to their raw reward.

    What the backbone itself says of a pair counts times a learned positive scale.
    """

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)))

    @abstractmethod
    def forward(
        self, first: Float[Tensor, "batch first"], second: Float[Tensor, "batch second"], /
    ) -> Float[Tensor, " batch"]:
        """Return the raw rewards."""

    @abstractmethod
    def last_features(
        self, first: Float[Tensor, "batch first"], second: Float[Tensor, "batch second"], /
    ) -> Float[Tensor, "batch width"]:
        """Return what the last layer weighs: the raw reward is their sum with `last_weights`."""

    @abstractmethod
    def last_weights(self, width: int) -> Float[Tensor, " width"]:
        """Return the weights of that many last features."""


class SimilarityHead(Head):
    """The cosine of image and text times a learned positive scale, as PickScore does."""

    def forward(
        self,
        image_features: Float[Tensor, "batch embedding"],
        text_features: Float[Tensor, "batch embedding"],
    ) -> Float[Tensor, " batch"]:
        """Return the scaled cosine of unit-length features."""
        return self.log_scale.exp() * (image_features * text_features).sum(dim=-1)

    def last_features(
        self,
        image_features: Float[Tensor, "batch embedding"],
        text_features: Float[Tensor, "batch embedding"],
    ) -> Float[Tensor, "batch width"]:
        """Return what the last layer weighs: the raw reward is their sum with `last_weights`."""
        return self.log_scale.exp() * image_features * text_features

    def last_weights(self, width: int) -> Float[Tensor, " width"]:
        """Return the weights of that many last features."""
        return self.log_scale.new_ones(width)

    def table(
        self,
        image_features: Float[Tensor, "images embedding"],
        text_features: Float[Tensor, "prompts embedding"],
    ) -> Float[Tensor, "prompts images"]:
        """Return what `forward` gives of every image with every text."""
        return self.log_scale.exp() * text_features @ image_features.T


class CorrectedHead(SimilarityHead):
    """The scaled cosine plus a linear function of what `read` makes of both features.

    The function starts at zero, so that training starts from CLIP's own order.
    """

    def __init__(self, scale: float) -> None:
        super().__init__(scale)
        self.texts = Whitening()

    @property
    @abstractmethod
    def correction(self) -> Float[Tensor, "1 inputs"]:
        """The linear function."""

    @abstractmethod
    def read(
        self,
        image_features: Float[Tensor, "batch embedding"],
        text_features: Float[Tensor, "batch embedding"],
    ) -> Float[Tensor, "batch inputs"]:
        """Return what the correction is linear in."""

    def forward(
        self,
        image_features: Float[Tensor, "batch embedding"],
        text_features: Float[Tensor, "batch embedding"],
    ) -> Float[Tensor, " batch"]:
        """Return the scaled cosine plus the correction."""
        read = self.read(image_features, text_features)
        correction = functional.linear(read, self.correction).squeeze(-1)
        return super().forward(image_features, text_features) + correction

    def last_features(
        self,
        image_features: Float[Tensor, "batch embedding"],
        text_features: Float[Tensor, "batch embedding"],
    ) -> Float[Tensor, "batch width"]:
        """Return what the last layer weighs: the similarity's terms, then the correction's."""
        terms = super().last_features(image_features, text_features)
        return torch.cat([terms, self.read(image_features, text_features)], dim=-1)

    def last_weights(self, width: int) -> Float[Tensor, " width"]:
        """Return the weights of that many last features."""
        correction = self.correction[0]
        return torch.cat([super().last_weights(width - len(correction)), correction])


class LinearHead(CorrectedHead):
    """The scaled cosine plus a linear function of (image, image * text)."""

    def __init__(self, scale: float, embed_dim: int) -> None:
        super().__init__(scale)
        self.weight = nn.Parameter(torch.zeros(1, 2 * embed_dim))

    @property
    def correction(self) -> Float[Tensor, "1 inputs"]:
        """The linear function."""
        return self.weight

    def read(
        self,
        image_features: Float[Tensor, "batch embedding"],
        text_features: Float[Tensor, "batch embedding"],
    ) -> Float[Tensor, "batch inputs"]:
        """Return (image, image * text)."""
        image = with_entries_of_one(image_features)
        return torch.cat([image, image * self.texts(text_features)], dim=-1)

    def table(
        self,
        image_features: Float[Tensor, "images embedding"],
        text_features: Float[Tensor, "prompts embedding"],
    ) -> Float[Tensor, "prompts images"]:
        """Return what `forward` gives of every image with every text."""
        of_image, of_product = self.weight.chunk(2, dim=1)
        weights = of_image + of_product * self.texts(text_features)
        correction = weights @ with_entries_of_one(image_features).T
        return super().table(image_features, text_features) + correction


class MlpHead(CorrectedHead):
    """The scaled cosine plus a network of one hidden layer on (image, text, image * text)."""

    def __init__(self, scale: float, embed_dim: int, generator: torch.Generator) -> None:
        super().__init__(scale)
        hidden = torch.empty(HIDDEN_WIDTH, 3 * embed_dim)
        nn.init.kaiming_normal_(hidden, nonlinearity="relu", generator=generator)
        self.hidden_weight = nn.Parameter(hidden)
        self.hidden_bias = nn.Parameter(torch.zeros(HIDDEN_WIDTH))
        self.output_weight = nn.Parameter(torch.zeros(1, HIDDEN_WIDTH))

    @property
    def correction(self) -> Float[Tensor, "1 inputs"]:
        """The network's last layer."""
        return self.output_weight

    def read(
        self,
        image_features: Float[Tensor, "batch embedding"],
        text_features: Float[Tensor, "batch embedding"],
    ) -> Float[Tensor, "batch inputs"]:
        """Return the hidden layer."""
        image, text = with_entries_of_one(image_features), self.texts(text_features)
        inputs = torch.cat([image, text, image * text], dim=-1)
        return functional.gelu(functional.linear(inputs, self.hidden_weight, self.hidden_bias))

    def table(
        self,
        image_features: Float[Tensor, "images embedding"],
        text_features: Float[Tensor, "prompts embedding"],
    ) -> Float[Tensor, "prompts images"]:
        """Return what `forward` gives of every image with every text.

        A hidden unit's sum is linear in the image, with weights that the text decides: they are
        made once for each text, and nothing but the sums is of the size of the table.
        """
        image, text = with_entries_of_one(image_features), self.texts(text_features)
        of_image, of_text, of_product = self.hidden_weight.chunk(3, dim=1)
        weights = torch.addcmul(of_image, text[:, None], of_product)
        constants = functional.linear(text, of_text, self.hidden_bias)
        sums = torch.addmm(constants.view(-1, 1), weights.flatten(0, 1), image.T)
        hidden = functional.gelu(sums).view(len(text), -1, len(image))
        # Not `@`, which copies what is of the size of the table to make one product of many.
        correction = torch.bmm(self.output_weight.expand(len(text), 1, -1), hidden).squeeze(1)
        return super().table(image_features, text_features) + correction


def make_head(
    kind: HeadKind, *, scale: float, embed_dim: int, generator: torch.Generator
) -> SimilarityHead:
    """Make an untrained head; `scale` is the factor on the cosine that it starts with."""
    if kind == "linear":
        return LinearHead(scale, embed_dim)
    if kind == "mlp":
        return MlpHead(scale, embed_dim, generator)
    return SimilarityHead(scale)
