"""What all published rewards have in common: how they are called, and how they are frozen."""

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor, nn


class PublishedReward(nn.Module, ABC):
    """A reward of images in [0, 1], one prompt each, in its publisher's own units.

    `raw` lets gradients through to the images; a call does not.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    @abstractmethod
    def raw(
        self, images: Float[Tensor, "batch 3 height width"], prompts: list[str]
    ) -> Float[Tensor, " batch"]:
        """Return the rewards, on the model's device."""

    @torch.no_grad()
    def forward(
        self, images: Float[Tensor, "batch 3 height width"], prompts: list[str]
    ) -> Float[Tensor, " batch"]:
        """Return the rewards where the images are, in fp32, without gradients."""
        return self.raw(images, prompts).to(images.device, torch.float32)
