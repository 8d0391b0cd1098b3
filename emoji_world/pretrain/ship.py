"""Puts the finished networks where and how others open them: fp16 safetensors, 25 MB in all."""

import json
import shutil
from pathlib import Path

import torch
from diffusers import AutoencoderKL

from data.errors import TastemakerError
from emoji_world.judge import WEIGHTS_NAME
from emoji_world.judge_network import JudgeNetwork
from emoji_world.pretrain.clip import new_clip
from emoji_world.pretrain.diffusion import Denoiser, assemble, new_scheduler
from emoji_world.pretrain.recipe import finished_autoencoder
from emoji_world.pretrain.tokenizer import new_tokenizer
from emoji_world.pretrain.trainer import load_finished, write_weights
from emoji_world.sprites import SpriteSheet

MAX_BYTES = 25_000_000


def ship(out: Path, weights: Path, sheet: SpriteSheet) -> None:
    """Write base, clip and judge below `weights`, replacing what is there."""
    vae = finished_autoencoder(out, sheet)
    _ship_base(out, vae, weights / "base")
    clip = new_clip(weights / "clip")
    _need(load_finished(clip, out, "clip-careless"), "clip", out)
    write_weights(clip, weights / "clip" / "open_clip_model.safetensors", torch.float16)
    judge = JudgeNetwork()
    _need(load_finished(judge, out, "judge"), "judge", out)
    write_weights(judge, weights / "judge" / WEIGHTS_NAME, torch.float16)
    size = sum(path.stat().st_size for path in weights.rglob("*") if path.is_file())
    if size > MAX_BYTES:
        raise TastemakerError(
            f"expected at most {MAX_BYTES} bytes of weights, got {size}: shrink a network"
        )


def _ship_base(out: Path, vae: AutoencoderKL, folder: Path) -> None:
    tokenizer = new_tokenizer()
    denoiser = Denoiser(tokenizer)
    _need(load_finished(denoiser, out, "diffusion"), "diffusion", out)
    shutil.rmtree(folder, ignore_errors=True)
    assemble(denoiser, vae, tokenizer, new_scheduler()).to(torch.float16).save_pretrained(folder)
    _open_text_encoder_in_fp32(folder / "text_encoder" / "config.json")


def _open_text_encoder_in_fp32(path: Path) -> None:
    """Say fp32 where transformers would open what is stored in fp16 as that.

    diffusers opens the other networks in fp32 whatever they are stored in, and a pipeline of both
    cannot draw.
    """
    config = json.loads(path.read_text(encoding="utf-8")) | {"dtype": "float32"}
    path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def _need(finished: bool, stage: str, out: Path) -> None:
    if not finished:
        raise TastemakerError(
            f"expected the finished stage {stage} in {out}, found none; train it first"
        )
