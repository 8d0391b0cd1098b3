"""Policy gradients of one denoising step, an independent draw from each group of images."""

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from data.records import Prompt
from rl_finetune import denoising
from rl_finetune.config import SamplingConfig
from rl_finetune.dpok_config import Baseline, GuidanceGradient
from rl_finetune.policy import DiffusionPolicy
from rl_finetune.rollout import Rollout, collect


def roll_out(
    policy: DiffusionPolicy,
    prompt: Prompt,
    sampling: SamplingConfig,
    *,
    num_groups: int,
    shares_start: bool,
    seed: int,
) -> Rollout:
    """Draw groups of images of one prompt; those of a group share their pure noise where asked."""
    size = sampling.num_images_per_prompt
    seeds = [seed + number for number in range(num_groups * size)]
    return collect(
        policy,
        [prompt] * len(seeds),
        seeds,
        schedule=policy.schedule(sampling.num_steps, sampling.eta),
        guidance=sampling.guidance,
        batch_size=sampling.batch_size,
        starts=[seed + number // size * size for number in range(len(seeds))]
        if shares_start
        else None,
    )


def advantages_of(
    rewards: Float[Tensor, " images"], group_size: int, baseline: Baseline
) -> Float[Tensor, " images"]:
    """Return what tuning makes of a prompt's rewards: less a baseline, in their own deviations."""
    groups = rewards.view(-1, group_size)
    centred = groups - (rewards.mean() if baseline == "running" else groups.mean(1, keepdim=True))
    return (centred / centred.std(correction=0)).flatten()


def group_gradients(
    policy: DiffusionPolicy,
    rollout: Rollout,
    advantages: Float[Tensor, " images"],
    *,
    index: int,
    group_size: int,
    branches: GuidanceGradient,
) -> Float[Tensor, "groups parameters"]:
    """Return the gradient of the mean of A log p at step `index`, group by group."""
    parameters = list(policy.adapter_parameters().values())
    rows = []
    for group in _groups(len(advantages), group_size):
        indices = torch.full((group_size,), index)
        prediction = policy.predict(
            rollout.latents[group, index],
            rollout.schedule.timesteps[indices].to(policy.device),
            rollout.condition[group],
            guidance=rollout.guidance,
            gradient=branches,
        )
        log_ratio = denoising.log_ratio(
            prediction,
            prediction.detach(),
            rollout.noise[group, index],
            rollout.schedule.at(indices, policy.device),
        )
        loss = (advantages[group].to(log_ratio) * log_ratio).mean()
        gradients = torch.autograd.grad(loss, parameters, materialize_grads=True)
        rows.append(torch.cat([gradient.flatten() for gradient in gradients]).cpu())
    return torch.stack(rows)


def _groups(num_images: int, size: int) -> Iterator[slice]:
    for first in range(0, num_images, size):
        yield slice(first, first + size)
