"""The LAION aesthetic predictor: how good a picture looks, whatever it was asked to show.

A stack of linear layers on the unit-length image feature of OpenAI's CLIP ViT-L/14, fitted to
people's ratings from 1 to 10 (improved-aesthetic-predictor, `sac+logos+ava1-l14-linearMSE`).
"""

from pathlib import Path

from jaxtyping import Float
from torch import Tensor

from reward_training.published.checkpoint import fill, read_checkpoint
from reward_training.published.linear_stack import LinearStack
from reward_training.published.reward import PublishedReward
from reward_training.towers.backbone import TwoTowers


class Aesthetic(PublishedReward):
    """A predicted rating; prompts are not looked at."""

    def __init__(self, name: str, backbone: TwoTowers) -> None:
        super().__init__(name)
        self.backbone = backbone
        self.head = LinearStack(backbone.embed_dim)

    @classmethod
    def open(cls, name: str, checkpoint: Path, backbone: TwoTowers) -> "Aesthetic":
        """Read the head's checkpoint, for the CLIP that it was fitted on."""
        reward = cls(name, backbone)
        what = f"an aesthetic predictor on features of width {backbone.embed_dim}"
        fill(reward.head, read_checkpoint(checkpoint), checkpoint, what)
        return reward

    def raw(
        self, images: Float[Tensor, "batch 3 height width"], prompts: list[str]
    ) -> Float[Tensor, " batch"]:
        """Return the rating of images in [0, 1]."""
        if len(images) != len(prompts):
            raise ValueError(f"expected a prompt per image, got {len(prompts)} for {len(images)}")
        return self.head(self.backbone.encode_raw_images(images))
