"""The shipped weights, as others open them."""

import torch
from diffusers import StableDiffusionPipeline

from emoji_world.assets import base_path
from rl_finetune.stable_diffusion import StableDiffusionPolicy

PROMPTS, SEEDS = ["a green rabbit", "\N{DOG FACE}"], [1, 2]


def test_plain_diffusers_opens_the_base_and_draws_what_our_sampler_draws():
    pipeline = StableDiffusionPipeline.from_pretrained(base_path())
    pipeline.set_progress_bar_config(disable=True)
    theirs = pipeline(
        PROMPTS,
        generator=[torch.Generator().manual_seed(seed) for seed in SEEDS],
        num_inference_steps=3,
        guidance_scale=2.0,
        eta=1.0,
        output_type="pt",
    ).images
    policy = StableDiffusionPolicy.open(str(base_path()))
    ours = policy.sample(PROMPTS, SEEDS, num_steps=3, guidance=2.0, eta=1.0)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)
