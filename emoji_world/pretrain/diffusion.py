"""The tiny text-to-image model: a UNet and its text encoder, trained on partly wrong captions."""

from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from torchvision.utils import save_image
from tqdm import trange
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from emoji_world.grammar import Scene
from emoji_world.pretrain.codec import posterior
from emoji_world.pretrain.pictures import scene_batch
from emoji_world.pretrain.tokenizer import MAX_LENGTH, new_tokenizer
from emoji_world.pretrain.trainer import Training, train
from emoji_world.scenes import training_caption
from emoji_world.sprites import SpriteSheet

WIDTH = 128
NUM_SCENES = 32768
CAPTION_DROPPED = 0.1
MIN_SNR = 5.0
NUM_STEPS, GUIDANCE, ETA = 20, 3.0, 1.0
SAMPLE_PROMPTS = (
    "a green rabbit", "four wolves", "a cat and a dog", "a dog on the moon",
    "a purple cat", "three apples", "a frog and a bird", "a car on the beach",
)  # fmt: skip


def new_unet() -> UNet2DConditionModel:
    """Build the untrained UNet: 16x16 latents, attention to the text at 8x8 only."""
    return UNet2DConditionModel(
        sample_size=16,
        block_out_channels=(64, 128),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=WIDTH,
        attention_head_dim=4,  # diffusers reads this as the number of heads
        norm_num_groups=16,
    )


def new_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """Build the untrained text encoder."""
    shape: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "hidden_size": WIDTH,
        "intermediate_size": 4 * WIDTH,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "max_position_embeddings": MAX_LENGTH,
        "projection_dim": WIDTH,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    return CLIPTextModel(CLIPTextConfig(**shape))


def new_scheduler() -> DDIMScheduler:
    """Build Stable Diffusion 1.5's noise schedule."""
    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )


class Denoiser(nn.Module):
    """The two networks that learn together."""

    def __init__(self, tokenizer: CLIPTokenizer) -> None:
        super().__init__()
        self.text_encoder = new_text_encoder(tokenizer)
        self.unet = new_unet()


def train_diffusion(
    sheet: SpriteSheet,
    vae: AutoencoderKL,
    training: Training,
    folder: Path,
    *,
    seed: int,
    batch: int,
) -> StableDiffusionPipeline:
    """Train on cached latents of drawn scenes; captions are written anew each time."""
    tokenizer, scheduler = new_tokenizer(), new_scheduler()
    network = Denoiser(tokenizer).to(memory_format=torch.channels_last)
    latents, scenes = cached_latents(sheet, vae)
    alphas = scheduler.alphas_cumprod
    weight = (MIN_SNR * (1 - alphas) / alphas).clamp(max=1)  # min(snr, 5) / snr, for epsilon

    def loss(rng: np.random.Generator) -> Tensor:
        rows = rng.integers(len(scenes), size=batch)
        clean = latents[torch.from_numpy(rows)]
        captions = [
            "" if rng.random() < CAPTION_DROPPED else training_caption(scenes[i], rng) for i in rows
        ]
        times = torch.from_numpy(rng.integers(len(alphas), size=batch))
        noise = torch.randn_like(clean)
        noisy = scheduler.add_noise(clean, noise, cast(torch.IntTensor, times))
        tokens = tokenizer(
            captions, padding="max_length", truncation=True, return_tensors="pt"
        ).input_ids
        with torch.autocast("cpu", torch.bfloat16):
            text = network.text_encoder(tokens)[0]
            predicted = network.unet(
                noisy.contiguous(memory_format=torch.channels_last), times, text
            ).sample
        error = functional.mse_loss(predicted.float(), noise, reduction="none").mean((1, 2, 3))
        return (weight[times] * error).mean()

    def sample(averaged: nn.Module, path: Path) -> None:
        assert isinstance(averaged, Denoiser)
        pipeline = assemble(averaged, vae, tokenizer, scheduler)
        save_image(sample_grid(pipeline), path, nrow=12)

    groups = [
        {"params": network.unet.parameters()},
        {"params": network.text_encoder.parameters(), "lr": training.learning_rate / 2},
    ]
    train("diffusion", network, loss, training, folder, seed=seed, groups=groups, sample=sample)
    return assemble(network, vae, tokenizer, scheduler)


def assemble(
    network: Denoiser, vae: AutoencoderKL, tokenizer: CLIPTokenizer, scheduler: DDIMScheduler
) -> StableDiffusionPipeline:
    """Put the parts into diffusers' own pipeline."""
    parts: dict[str, Any] = {
        "vae": vae.eval(),
        "text_encoder": network.text_encoder.eval(),
        "tokenizer": tokenizer,
        "unet": network.unet.eval(),
        "scheduler": scheduler,
        "safety_checker": None,
        "feature_extractor": None,
        "requires_safety_checker": False,
    }
    pipeline = StableDiffusionPipeline(**parts)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def sample_images(
    pipeline: StableDiffusionPipeline, prompts: list[str], generator: torch.Generator
) -> Float[Tensor, "batch 3 64 64"]:
    """Draw one image per prompt in [0, 1] with the settings of the model card."""
    return pipeline(
        prompts,
        num_inference_steps=NUM_STEPS,
        guidance_scale=GUIDANCE,
        eta=ETA,
        generator=generator,
        output_type="pt",
        return_dict=False,
    )[0]


def sample_grid(pipeline: StableDiffusionPipeline) -> Float[Tensor, "batch 3 64 64"]:
    """Draw six images of each of the sample prompts, always from the same noise."""
    prompts = [prompt for prompt in SAMPLE_PROMPTS for _ in range(6)]
    return sample_images(pipeline, prompts, torch.Generator().manual_seed(3))


@torch.no_grad()
def cached_latents(sheet: SpriteSheet, vae: AutoencoderKL) -> tuple[Tensor, list[Scene]]:
    """Encode the training set once: latents (scenes, 4, 16, 16) of unit variance."""
    rng = np.random.default_rng(11)
    latents, scenes = [], []
    for _ in trange(NUM_SCENES // 128, desc="training set", unit="batch"):
        images, shown = scene_batch(sheet, rng, 128, free_share=0.0)
        latents.append(posterior(vae, images).mode())
        scenes += shown
    return torch.cat(latents) * vae.config["scaling_factor"], scenes
