"""Resizing against Pillow's own, on noise, where the order of sides shows in the grey levels."""

import numpy as np
import PIL.Image
import pytest
import torch

from reward_training.towers.preprocessing import CLIP_MEAN, CLIP_STD, Preprocessing

SIDE = 16


@pytest.mark.parametrize(
    ("height", "width"),
    [
        # The height loses more than twice what the width does, as much, and less.
        (40, 20), (25, 20), (90, 40), (64, 40), (24, 20), (60, 38), (23, 20), (40, 32),
        # One side grows, or both do.
        (33, 9), (17, 9), (9, 33), (9, 17), (9, 12), (12, 9),
        # One side stays.
        (16, 40), (40, 16),
    ],
)  # fmt: skip
def test_grey_levels_are_pillows(height, width):
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    bicubic = PIL.Image.Resampling.BICUBIC
    expected = np.array(PIL.Image.fromarray(noise).resize((SIDE, SIDE), bicubic))
    preprocess = Preprocessing(
        size=(SIDE, SIDE),
        interpolation="bicubic",
        resize_mode="squash",
        mean=CLIP_MEAN,
        std=CLIP_STD,
    )
    image = torch.from_numpy(noise).permute(2, 0, 1)[None].float() / 255
    found = preprocess.undo_normalisation(preprocess(image))[0].permute(1, 2, 0)
    levels = ((found * 255).round() - torch.from_numpy(expected).float()).abs()
    assert levels.max() <= 1  # where Pillow, which counts in whole numbers, rounds the other way
    assert levels.mean() < 0.01
