"""Drawing images: the one denoising loop, which sampling and rollouts share.

Each image has its own generator, so it depends on its own seed and prompt, not on its batch; the
draws come in diffusers' order, so plain `StableDiffusionPipeline` makes the same images.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from rl_finetune import denoising
from rl_finetune.policy import DiffusionPolicy
from rl_finetune.schedule import Schedule


@dataclass(frozen=True, kw_only=True)
class DenoisingStep:
    """One step of one batch, as it was taken."""

    latents: Float[Tensor, "batch channels height width"]
    """Where it started."""
    prediction: Float[Tensor, "batch channels height width"]
    """What the guided network said."""
    noise: Float[Tensor, "batch channels height width"]
    """What was drawn; zeros for a sampler without noise."""
    latents_prev: Float[Tensor, "batch channels height width"]
    """Where it ended."""


def denoising_steps(
    policy: DiffusionPolicy,
    condition: Float[Tensor, "batch tokens features"],
    seeds: list[int],
    *,
    schedule: Schedule,
    guidance: float,
    starts: list[int] | None = None,
) -> Iterator[DenoisingStep]:
    """Denoise one batch from pure noise and yield every step, without gradient.

    `starts` are the seeds whose images' pure noise is taken instead of the images' own.
    """
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    latents = _draw(generators, policy)
    if starts is not None:
        latents = _draw([torch.Generator().manual_seed(seed) for seed in starts], policy)
    for index in range(schedule.num_steps):
        indices = torch.full((len(seeds),), index)
        noise = _draw(generators, policy) if schedule.eta > 0 else torch.zeros_like(latents)
        with torch.no_grad():
            step = _take_step(policy, latents, condition, noise, indices, schedule, guidance)
        yield step
        latents = step.latents_prev


def _take_step(
    policy: DiffusionPolicy,
    latents: Float[Tensor, "batch channels height width"],
    condition: Float[Tensor, "batch tokens features"],
    noise: Float[Tensor, "batch channels height width"],
    indices: Int[Tensor, " batch"],
    schedule: Schedule,
    guidance: float,
) -> DenoisingStep:
    step = schedule.at(indices, policy.device)
    timesteps = schedule.timesteps[indices].to(policy.device)
    prediction = policy.predict(latents, timesteps, condition, guidance=guidance)
    mean = denoising.mean(latents, prediction, step)
    return DenoisingStep(
        latents=latents,
        prediction=prediction,
        noise=noise,
        latents_prev=denoising.sample(mean, noise, step),
    )


def sample_images(
    policy: DiffusionPolicy,
    prompts: list[str],
    seeds: list[int],
    *,
    schedule: Schedule,
    guidance: float,
    batch_size: int,
) -> Float[Tensor, "batch 3 height width"]:
    """Draw one image per prompt and seed, in [0, 1], on the CPU; eta 0 is welcome here."""
    images = []
    for start in range(0, len(prompts), batch_size):
        batch = slice(start, start + batch_size)
        condition = policy.encode_prompts(prompts[batch])
        latents = torch.empty(0)
        for step in denoising_steps(
            policy, condition, seeds[batch], schedule=schedule, guidance=guidance
        ):
            latents = step.latents_prev
        images.append(policy.decode(latents).cpu())
    return torch.cat(images)


def _draw(
    generators: list[torch.Generator], policy: DiffusionPolicy
) -> Float[Tensor, "batch channels height width"]:
    """Draw standard normal latents, one generator per image, the same on every device."""
    shape = (1, *policy.latent_shape)
    return torch.cat([torch.randn(shape, generator=g) for g in generators]).to(policy.device)
