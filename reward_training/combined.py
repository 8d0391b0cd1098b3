"""A reward of several outputs on one backbone, one for each question that raters were asked.

Each output is a learned reward of its own: head, tie parameter, bar, scale, calibration and what is
uncertain about it. Only the towers are shared.
"""

from collections.abc import Mapping
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from reward_training.learning.trainable import TrainableReward
from reward_training.model import LearnedReward
from reward_training.towers.backbone import HeadInputs


class CombinedReward(TrainableReward):
    """The weighted sum of standardised outputs, which can be had one by one too.

    Args:
        outputs: By name, all on the same backbone.
        weights: Of every output in the sum.
    """

    def __init__(self, outputs: Mapping[str, LearnedReward], weights: Mapping[str, float]) -> None:
        super().__init__()
        backbones = {id(output.backbone): output.backbone for output in outputs.values()}
        (self.backbone,) = backbones.values()
        self._outputs = nn.ModuleDict(outputs)
        self.weights = {name: float(weights[name]) for name in outputs}
        self.name = ""
        self.snapshot = ""
        self.eval()

    @property
    def outputs(self) -> dict[str, LearnedReward]:
        """The outputs by name."""
        return cast("dict[str, LearnedReward]", dict(self._outputs.items()))

    @torch.no_grad()
    def forward(
        self, images: Float[Tensor, "batch 3 height width"], prompts: list[str]
    ) -> Float[Tensor, " batch"]:
        """Return the weighted sum for images in [0, 1], without gradients."""
        return self._sum(self.backbone.read(images, prompts)).to(images.device)

    @torch.no_grad()
    def lower_bound(
        self, images: Float[Tensor, "batch 3 height width"], prompts: list[str], width: float
    ) -> Float[Tensor, " batch"]:
        """Return the weighted sum minus `width` of its standard deviations.

        Outputs learn from different answers, so what is open about one says nothing of the others.
        """
        pairs = self.backbone.read(images, prompts)
        variance = torch.zeros(len(images), device=self.backbone.device)
        for name, output in self.outputs.items():
            deviation = output.posterior.deviation(output.head.last_features(*pairs))
            deviation = deviation / output.get_buffer("reward_std")
            variance = variance + (self.weights[name] * deviation).square()
        return (self._sum(pairs) - width * variance.sqrt()).to(images.device)

    def _sum(self, pairs: HeadInputs) -> Float[Tensor, " batch"]:
        """Return the weighted sum for what the backbone read."""
        rewards = [
            self.weights[name] * output.standardise(output.head(*pairs))
            for name, output in self.outputs.items()
        ]
        return torch.stack(rewards).sum(dim=0)
