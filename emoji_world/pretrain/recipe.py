"""How long and how fast each network is trained, and on what it stands."""

from dataclasses import replace
from pathlib import Path

import torch
from diffusers import AutoencoderKL

from data.errors import TastemakerError
from emoji_world.pretrain.autoencoder import train_autoencoder
from emoji_world.pretrain.clip import train_clip
from emoji_world.pretrain.codec import latent_scale, new_autoencoder
from emoji_world.pretrain.diffusion import train_diffusion
from emoji_world.pretrain.judge import train_judge
from emoji_world.pretrain.trainer import Training, finished_path, load_finished
from emoji_world.sprites import SpriteSheet

TRAININGS = {
    "autoencoder": Training(num_updates=2400, learning_rate=1.5e-3, average=0.995, cool_down=0.7),
    "judge": Training(num_updates=3000, learning_rate=1e-3, average=0.99, cycles=2),
    "clip-full": Training(num_updates=400, learning_rate=1e-3, average=0.98),
    "clip-careless": Training(num_updates=600, learning_rate=2e-3, warmup=10, cool_down=1.0),
    "diffusion": Training(num_updates=4000, learning_rate=8e-4, average=0.998),
}
BATCHES = {"autoencoder": 16, "judge": 48, "clip": 128, "diffusion": 32}
LAST_NETWORK = {"clip": "clip-careless"}
"""The network whose end is the end of a stage that trains more than one."""


def train_stage(stage: str, sheet: SpriteSheet, out: Path, *, seed: int, scale: float) -> None:
    """Train one stage into `out`, or go on with it; a finished one is left as it is."""
    if finished_path(out, LAST_NETWORK.get(stage, stage)).is_file():
        return
    torch.manual_seed(seed)  # of the initial weights
    trainings = {name: _scaled(training, scale) for name, training in TRAININGS.items()}
    batch = BATCHES[stage]
    if stage == "autoencoder":
        train_autoencoder(sheet, trainings[stage], out, seed=seed, batch=batch)
        return
    vae = finished_autoencoder(out, sheet)
    if stage == "judge":
        train_judge(sheet, vae, trainings[stage], out, seed=seed, batch=batch)
    elif stage == "clip":
        full, careless = trainings["clip-full"], trainings["clip-careless"]
        train_clip(sheet, vae, full, careless, out, seed=seed, batch=batch)
    else:
        train_diffusion(sheet, vae, trainings[stage], out, seed=seed, batch=batch)


def finished_autoencoder(out: Path, sheet: SpriteSheet) -> AutoencoderKL:
    """Open the autoencoder that the other stages stand on."""
    vae = new_autoencoder()
    if not load_finished(vae, out, "autoencoder"):
        raise TastemakerError(
            f"expected a finished autoencoder in {out}, found none; "
            "run the stage autoencoder before the others"
        )
    vae.register_to_config(scaling_factor=latent_scale(vae, sheet))
    return vae


def _scaled(training: Training, scale: float) -> Training:
    number = max(4, round(training.num_updates * scale))
    warmup = max(1, min(training.warmup, number // 4))
    return replace(training, num_updates=number, warmup=warmup)
