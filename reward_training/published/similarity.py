"""CLIP's similarity as it is: the control that every learned reward is measured against."""

from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from reward_training.backbone import ClipBackbone

FACTOR = 100.0
"""CLIP score's usual factor on the cosine."""


class ClipSimilarity(nn.Module):
    """100 times the cosine of image and prompt; called as a learned reward is."""

    def __init__(self, path: Path | str, device: str = "cpu") -> None:
        super().__init__()
        self.backbone = ClipBackbone.open(str(path))
        self.name = f"clip:{path}"
        self.requires_grad_(False)
        self.eval()
        self.to(device)

    @torch.no_grad()
    def forward(
        self, images: Float[Tensor, "batch 3 height width"], prompts: list[str]
    ) -> Float[Tensor, " batch"]:
        """Return the similarity of images in [0, 1], one prompt each."""
        image_features, text_features = self.backbone.encode_pairs(images, prompts)
        return FACTOR * (image_features * text_features).sum(dim=-1).to(images.device)
