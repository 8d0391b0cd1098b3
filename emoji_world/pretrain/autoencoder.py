"""The autoencoder: 64x64 RGB to a 16x16 latent of four channels, in Stable Diffusion's class."""

from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor
from torchvision.utils import save_image

from emoji_world.pretrain.codec import decode, new_autoencoder, posterior, reconstruct
from emoji_world.pretrain.pictures import scene_batch
from emoji_world.pretrain.trainer import Training, train
from emoji_world.sprites import SpriteSheet

KL_WEIGHT = 2e-3


def train_autoencoder(
    sheet: SpriteSheet, training: Training, folder: Path, *, seed: int, batch: int
) -> AutoencoderKL:
    """Train on drawn scenes, some of them freely placed."""
    vae = new_autoencoder()
    torch.nn.Module.to(vae, memory_format=torch.channels_last)

    def loss(rng: np.random.Generator) -> Tensor:
        images = scene_batch(sheet, rng, batch)[0].contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            latents = posterior(vae, images)
            error = (decode(vae, latents.sample()).float() - images) * 2  # in [-1, 1], as encoded
        kl = latents.kl().float().mean() / latents.mean[0].numel()
        return error.abs().mean() + 2 * error.square().mean() + KL_WEIGHT * kl

    held_out = scene_batch(sheet, np.random.default_rng(99), 32)[0]

    @torch.no_grad()
    def sample(network: torch.nn.Module, path: Path) -> None:
        assert isinstance(network, AutoencoderKL)
        decoded = reconstruct(network, held_out)
        save_image(torch.stack([held_out, decoded], 1).flatten(0, 1), path, nrow=8)

    train("autoencoder", vae, loss, training, folder, seed=seed, sample=sample)
    return vae
