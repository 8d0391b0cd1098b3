"""Rewards that are a cosine of image and prompt times a factor: CLIP score, PickScore and HPS."""

from jaxtyping import Float
from torch import Tensor

from reward_training.published.reward import PublishedReward
from reward_training.towers.backbone import TwoTowers
from reward_training.towers.backbones import open_towers

CLIP_FACTOR = 100.0
"""CLIP score's usual factor on the cosine."""


class Similarity(PublishedReward):
    """The cosine of a backbone's features times a factor."""

    def __init__(self, name: str, backbone: TwoTowers, factor: float) -> None:
        super().__init__(name)
        self.backbone = backbone
        self.factor = factor

    def raw(
        self, images: Float[Tensor, "batch 3 height width"], prompts: list[str]
    ) -> Float[Tensor, " batch"]:
        """Return the similarity of images in [0, 1], one prompt each."""
        image_features, text_features = self.backbone.encode_pairs(images, prompts)
        return self.factor * (image_features * text_features).sum(dim=-1)


def clip_score(backbone: str, device: str = "cpu") -> Similarity:
    """Open CLIP score on any backbone, frozen: the control that learned rewards are measured by."""
    score = Similarity(f"clip:{backbone}", open_towers(backbone), CLIP_FACTOR)
    return score.requires_grad_(False).eval().to(device)
