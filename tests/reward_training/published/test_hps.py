"""How HPS v2's publisher brings images to the tower's size: as tensors, by torchvision."""

import copy

import numpy as np
import open_clip
import PIL.Image
import pytest
import torch
from open_clip import factory
from torchvision.transforms import InterpolationMode, Normalize, ToTensor
from torchvision.transforms import functional as transform

from reward_training.published import opening
from reward_training.published.opening import open_published
from reward_training.published.similarity import Similarity

NAME, SIDE = "ViT-tiny", 24
ARCHITECTURE = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": SIDE, "layers": 1, "width": 16, "head_width": 8, "patch_size": 8},
    "text_cfg": {"context_length": 8, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}


@pytest.fixture(params=["hps-v2", "hps-v2.1"])
def preprocess(request, tmp_path, monkeypatch):
    """The preprocessing of HPS v2 on a CLIP that is small."""
    monkeypatch.setitem(factory._MODEL_CONFIGS, NAME, copy.deepcopy(ARCHITECTURE))
    monkeypatch.setattr(opening, "_HPS_CLIP", NAME)
    torch.save(open_clip.create_model(NAME).state_dict(), tmp_path / "hps.pt")
    reward = open_published(f"{request.param}:{tmp_path / 'hps.pt'}")
    assert isinstance(reward, Similarity)
    return reward.backbone.preprocess


def hard_edges(height, width):
    blocks = np.random.default_rng(height).integers(0, 2, (height // 4 + 1, width // 4 + 1, 3))
    return (np.kron(blocks, np.ones((4, 4, 1)))[:height, :width] * 255).astype(np.uint8)


def published(picture):
    """Return what the publisher's transforms make of a picture, and its range before the last."""
    image = ToTensor()(PIL.Image.fromarray(picture))
    scale = SIDE / max(image.shape[1:])
    size = [round(side * scale) for side in image.shape[1:]]
    image = transform.resize(image, size, InterpolationMode.BICUBIC, antialias=True)
    high, wide = SIDE - size[0], SIDE - size[1]
    image = transform.pad(image, [wide // 2, high // 2, wide - wide // 2, high - high // 2])
    mean, std = open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD
    return Normalize(mean, std)(image), image.aminmax()


@pytest.mark.parametrize("size", [(64, 40), (40, 64), (90, 20), (20, 33), (12, 9), (50, 50)])
def test_images_are_resized_as_tensors(preprocess, size):
    picture = hard_edges(*size)
    expected, (darkest, brightest) = published(picture)
    assert darkest < -0.01  # or nothing would tell a clamp apart
    assert brightest > 1.01
    image = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255
    torch.testing.assert_close(preprocess(image)[0], expected, atol=1e-5, rtol=0)
