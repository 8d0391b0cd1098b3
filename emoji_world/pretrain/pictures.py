"""Batches of drawn scenes as tensors."""

import numpy as np
import torch
from torch import Tensor

from emoji_world.grammar import Scene
from emoji_world.scenes import draw, training_scene
from emoji_world.sprites import SpriteSheet


def scene_batch(
    sheet: SpriteSheet, rng: np.random.Generator, number: int, *, free_share: float = 0.3
) -> tuple[Tensor, list[Scene]]:
    """Draw `number` training scenes: images (number, 3, 64, 64) in [0, 1], and what they show."""
    scenes = [training_scene(rng) for _ in range(number)]
    images = np.stack([draw(s, sheet, rng, free=rng.random() < free_share) for s in scenes])
    return torch.from_numpy(images).permute(0, 3, 1, 2).contiguous().float(), scenes
