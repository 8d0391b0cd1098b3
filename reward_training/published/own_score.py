"""Rewards that a cross-encoder gives by itself: ImageReward, and any BLIP's matching score."""

from jaxtyping import Float
from torch import Tensor

from reward_training.published.reward import PublishedReward
from reward_training.towers.blip_backbone import BlipBackbone


class OwnScore(PublishedReward):
    """A backbone's own score of pairs."""

    def __init__(self, name: str, backbone: BlipBackbone) -> None:
        super().__init__(name)
        self.backbone = backbone

    def raw(
        self, images: Float[Tensor, "batch 3 height width"], prompts: list[str]
    ) -> Float[Tensor, " batch"]:
        """Return the score of images in [0, 1], one prompt each."""
        terms, _ = self.backbone.read(images, prompts)
        return terms.sum(dim=-1)
