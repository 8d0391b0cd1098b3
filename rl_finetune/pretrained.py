"""Opening Stable Diffusion 1.x and 2.x in diffusers' folder format, part by part, in fp32."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.pipelines.pipeline_utils import DiffusionPipeline
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from safetensors import SafetensorError
from transformers import CLIPTextModel, CLIPTokenizer
from transformers.utils import logging as transformers_logging

from data.errors import PolicyError
from rl_finetune.model_folder import (
    INDEX_FILE,
    could_be_on_hub,
    require_model_folder,
    require_pipeline,
)

PartT = TypeVar("PartT")

_NUM_BYTES = 256
_SIZE = 64
_MISTAKEN_ABOUT_SIZE = tuple(f"0.{minor}." for minor in range(9))
"""Versions of diffusers, before 0.9, whose configs can say a smaller size."""


@dataclass(frozen=True, kw_only=True)
class StableDiffusionParts:
    """The networks of one model, frozen and in evaluation mode, and its scheduler's config."""

    unet: UNet2DConditionModel
    vae: AutoencoderKL
    text_encoder: CLIPTextModel
    tokenizer: CLIPTokenizer
    scheduler_config: dict[str, object]


def open_parts(base: str, device: torch.device) -> StableDiffusionParts:
    """Open a folder or a hub id; `PolicyError` says which part is missing or unreadable."""
    _refuse_other_pipelines(base)
    fp32 = torch.float32
    with _no_progress_bars():
        unet = _open(
            UNet2DConditionModel.from_pretrained,
            base,
            "unet",
            torch_dtype=fp32,
            use_safetensors=None,
        )
        _correct_size(unet)
        vae = _open(AutoencoderKL.from_pretrained, base, "vae", torch_dtype=fp32)
        text_encoder = _open(CLIPTextModel.from_pretrained, base, "text_encoder", dtype=fp32)
        tokenizer = _open(_load_tokenizer, base, "tokenizer")
        scheduler = _open(_load_scheduler_config, base, "scheduler")
    networks: list[torch.nn.Module] = [unet, vae, text_encoder]
    for network in networks:
        network.requires_grad_(False).eval().float().to(device=device)
    return StableDiffusionParts(
        unet=unet,
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        # StableDiffusionPipeline makes the same two corrections to old schedulers' configs.
        scheduler_config={**scheduler, "steps_offset": 1, "clip_sample": False},
    )


def _correct_size(unet: UNet2DConditionModel) -> None:
    """Give the UNet of an old Stable Diffusion 1.x the size it was trained on, in latents.

    Their configs have another, and StableDiffusionPipeline makes the same correction.
    """
    made_by = unet.config.get("_diffusers_version", "")
    size = unet.config["sample_size"]
    if made_by.startswith(_MISTAKEN_ABOUT_SIZE) and isinstance(size, int) and size < _SIZE:
        unet.register_to_config(sample_size=_SIZE)


def _load_tokenizer(base: str, subfolder: str) -> CLIPTokenizer:
    tokenizer = CLIPTokenizer.from_pretrained(base, subfolder=subfolder)
    if (
        len(tokenizer) < _NUM_BYTES
    ):  # transformers makes up an empty one where the files are missing
        raise OSError("no vocabulary is there")
    return tokenizer


def _load_scheduler_config(base: str, subfolder: str) -> dict[str, object]:
    return cast(dict[str, object], DDIMScheduler.load_config(base, subfolder=subfolder))


def _refuse_other_pipelines(base: str) -> None:
    """Another pipeline's parts can open as well, and fail only where they are used."""
    if could_be_on_hub(base):
        with _explained(base, INDEX_FILE):
            index = cast(dict[str, object], DiffusionPipeline.load_config(base))
        require_pipeline(base, index.get("_class_name"))
    else:
        require_model_folder(Path(base))


def _open(opener: Callable[..., PartT], base: str, part: str, **options: object) -> PartT:
    with _explained(base, part):
        return opener(base, subfolder=part, **options)


@contextmanager
def _explained(base: str, part: str) -> Iterator[None]:
    """Say which part of which model could not be opened, and why."""
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise PolicyError(f"{base}: cannot open its {part}: {reason}") from error


@contextmanager
def _no_progress_bars() -> Iterator[None]:
    """Keep transformers from drawing a bar per network, which takes milliseconds to load."""
    was_on = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        if was_on:
            transformers_logging.enable_progress_bar()
