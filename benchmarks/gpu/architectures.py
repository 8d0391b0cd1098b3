"""Stable Diffusion 1.5's networks with random weights, and small ones of the same classes."""

from dataclasses import dataclass
from typing import Any, cast

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from emoji_world.assets import base_path
from rl_finetune.pretrained import StableDiffusionParts

_SCHEDULER: dict[str, object] = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "steps_offset": 1,
    "set_alpha_to_one": False,
    "clip_sample": False,
    "prediction_type": "epsilon",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Architecture:
    """Sizes of one model's networks, in the words of their libraries' configs."""

    unet: dict[str, Any]
    vae_channels: tuple[int, ...]
    text: dict[str, Any]
    vae_norm_groups: int = 32


_CROSS = "CrossAttn"
ARCHITECTURES = {
    # As in the model cards' configs: 860 million weights in the UNet, images of 512x512.
    "sd15": Architecture(
        unet={
            "sample_size": 64,
            "block_out_channels": (320, 640, 1280, 1280),
            "layers_per_block": 2,
            "down_block_types": (*(f"{_CROSS}DownBlock2D",) * 3, "DownBlock2D"),
            "up_block_types": ("UpBlock2D", *(f"{_CROSS}UpBlock2D",) * 3),
            "attention_head_dim": 8,
        },
        vae_channels=(128, 256, 512, 512),
        text={
            "hidden_size": 768,
            "intermediate_size": 3072,
            "num_hidden_layers": 12,
            "num_attention_heads": 12,
        },
    ),
    "small": Architecture(
        unet={
            "sample_size": 16,
            "block_out_channels": (32, 64),
            "layers_per_block": 1,
            "down_block_types": ("DownBlock2D", f"{_CROSS}DownBlock2D"),
            "up_block_types": (f"{_CROSS}UpBlock2D", "UpBlock2D"),
            "attention_head_dim": 8,
            "norm_num_groups": 8,
        },
        vae_channels=(16, 32),
        vae_norm_groups=8,
        text={
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
        },
    ),
}


def build_parts(name: str, device: torch.device, seed: int = 0) -> StableDiffusionParts:
    """Make the networks where they are to be, frozen; the tokenizer is the emoji world's."""
    sizes = ARCHITECTURES[name]
    tokenizer = CLIPTokenizer.from_pretrained(base_path() / "tokenizer", model_max_length=77)
    with torch.random.fork_rng(), device:
        torch.manual_seed(seed)
        unet = UNet2DConditionModel(cross_attention_dim=sizes.text["hidden_size"], **sizes.unet)
        vae = _build_vae(sizes)
        text_encoder = _build_text_encoder(sizes, tokenizer)
    networks: list[torch.nn.Module] = [unet, vae, text_encoder]
    for network in networks:
        network.requires_grad_(False).eval()
    return StableDiffusionParts(
        unet=unet,
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        scheduler_config=_SCHEDULER,
    )


def _build_vae(sizes: Architecture) -> AutoencoderKL:
    levels = len(sizes.vae_channels)
    config = {
        "block_out_channels": sizes.vae_channels,
        "down_block_types": ("DownEncoderBlock2D",) * levels,
        "up_block_types": ("UpDecoderBlock2D",) * levels,
        "layers_per_block": 2,
        "latent_channels": 4,
        "norm_num_groups": sizes.vae_norm_groups,
    }
    return cast(AutoencoderKL, AutoencoderKL.from_config(config))


def _build_text_encoder(sizes: Architecture, tokenizer: CLIPTokenizer) -> CLIPTextModel:
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            max_position_embeddings=77,
            bos_token_id=cast(int, tokenizer.bos_token_id),
            eos_token_id=cast(int, tokenizer.eos_token_id),
            pad_token_id=cast(int, tokenizer.pad_token_id),
            **sizes.text,
        )
    )
