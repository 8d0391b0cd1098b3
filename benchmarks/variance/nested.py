"""Trajectories whose noises are nested: shared from the start on, and ever fewer of them."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from rl_finetune import denoising
from rl_finetune.config import SamplingConfig
from rl_finetune.policy import DiffusionPolicy


@dataclass(frozen=True, kw_only=True)
class Nesting:
    """How many branches each level has."""

    counts: tuple[int, int, int]
    """Starts; draws of the early steps' noise for each; of the later steps' for each of those."""
    num_early_steps: int

    def noise(
        self, level: int, policy: DiffusionPolicy, generator: torch.Generator
    ) -> Float[Tensor, "images channels height width"]:
        """Draw noise that differs between the branches of a level (1 to 3) and not below it."""
        own = (*self.counts[:level], *[1] * (len(self.counts) - level))
        drawn = torch.randn(*own, *policy.latent_shape, generator=generator)
        return drawn.expand(*self.counts, *policy.latent_shape).flatten(0, 2)


@torch.no_grad()
def draw_nested(
    policy: DiffusionPolicy,
    prompt: str,
    nesting: Nesting,
    sampling: SamplingConfig,
    generator: torch.Generator,
) -> Float[Tensor, "images 3 height width"]:
    """Draw an image per branch, in the order of the nesting."""
    schedule = policy.schedule(sampling.num_steps, sampling.eta)
    latents = nesting.noise(1, policy, generator)
    condition = policy.encode_prompts([prompt] * len(latents))
    for index in range(sampling.num_steps):
        indices = torch.full((len(latents),), index)
        step = schedule.at(indices, policy.device)
        timesteps = schedule.timesteps[indices]
        prediction = policy.predict(latents, timesteps, condition, guidance=sampling.guidance)
        mean = denoising.mean(latents, prediction, step)
        level = 2 if index < nesting.num_early_steps else 3
        latents = denoising.sample(mean, nesting.noise(level, policy, generator), step)
    return policy.decode(latents)
