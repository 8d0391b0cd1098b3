"""The autoencoder's shape, and pictures as it shows them: 64x64 RGB, 16x16 latents."""

from collections.abc import Callable
from typing import cast

import numpy as np
import torch
from diffusers import AutoencoderKL
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from torch import Tensor
from tqdm import trange

from emoji_world.grammar import Scene
from emoji_world.pretrain.pictures import scene_batch
from emoji_world.scenes import draw
from emoji_world.sprites import SpriteSheet

_SHAPE = {
    "down_block_types": ("DownEncoderBlock2D",) * 3,
    "up_block_types": ("UpDecoderBlock2D",) * 3,
    "block_out_channels": (24, 48, 64),
    "layers_per_block": 1,
    "norm_num_groups": 8,
    "latent_channels": 4,
    "sample_size": 64,
    "mid_block_add_attention": False,
}


def new_autoencoder() -> AutoencoderKL:
    """Build the untrained autoencoder."""
    vae = AutoencoderKL.from_config(_SHAPE)
    assert isinstance(vae, AutoencoderKL)
    return vae


def posterior(vae: AutoencoderKL, images: Tensor) -> DiagonalGaussianDistribution:
    """Encode images in [0, 1] as a distribution over latents."""
    return vae.encode(images * 2 - 1, return_dict=False)[0]


def decode(vae: AutoencoderKL, latents: Tensor) -> Tensor:
    """Decode latents to images around [0, 1]."""
    return vae.decode(cast(torch.FloatTensor, latents), return_dict=False)[0] / 2 + 0.5


@torch.no_grad()
def reconstruct(vae: AutoencoderKL, images: Tensor) -> Tensor:
    """Encode and decode images in [0, 1]."""
    return decode(vae, posterior(vae, images).mode()).clamp(0, 1)


@torch.no_grad()
def latent_scale(vae: AutoencoderKL, sheet: SpriteSheet) -> float:
    """Return the factor that gives latents unit variance: Stable Diffusion's `scaling_factor`."""
    images = scene_batch(sheet, np.random.default_rng(5), 256)[0]
    return 1 / posterior(vae, images).mode().std().item()


@torch.no_grad()
def decode_softly(vae: AutoencoderKL, images: Tensor, rng: np.random.Generator) -> Tensor:
    """Decode images from slightly wrong latents, as a diffusion model would draw them: uint8."""
    latents = posterior(vae, images).mode()
    spread = torch.from_numpy(rng.uniform(0, 0.3, (len(images), 1, 1, 1)).astype(np.float32))
    noise = torch.from_numpy(rng.normal(size=latents.shape).astype(np.float32))
    decoded = decode(vae, latents + latents.std() * spread * noise)
    return (decoded.clamp(0, 1) * 255).round().to(torch.uint8)


def decoded_pool(
    sheet: SpriteSheet,
    vae: AutoencoderKL,
    number: int,
    scene: Callable[[np.random.Generator], Scene],
) -> tuple[Tensor, list[Scene]]:
    """Draw scenes as the autoencoder shows them: uint8 (number, 3, 64, 64), and what they show."""
    rng = np.random.default_rng(23)
    parts, scenes = [], []
    for _ in trange(number // 64, desc="decoded scenes", unit="batch"):
        shown = [scene(rng) for _ in range(64)]
        drawn = np.stack([draw(s, sheet, rng, free=rng.random() < 0.3) for s in shown])
        parts.append(decode_softly(vae, torch.from_numpy(drawn).permute(0, 3, 1, 2), rng))
        scenes += shown
    return torch.cat(parts), scenes
