"""A denoising step's density against torch.distributions, in nats.

The yardstick holds none of our formulas: mean and deviation are those of diffusers' own step,
log-prob and KL those of torch's `Normal`, in double precision on the same device.
"""

from collections.abc import Iterator
from typing import cast

import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from rl_finetune import denoising
from rl_finetune.reference import reference_predictions, rollout_kl, rollout_log_ratio
from rl_finetune.rollout import Rollout
from rl_finetune.stable_diffusion import StableDiffusionPolicy

ALLOWED = {
    "log-prob by the noise is torch's Normal's, nats a value": 1e-5,
    "log-prob by the latents is torch's Normal's, nats a value": 1e-5,
    "KL is torch's kl_divergence of two Normals, relatively": 1e-5,
    # The latents of a step are rounded to fp32, and late steps' deviations are small beside them.
    "log-ratio is that of two torch Normals, in standard deviations": 1e-3,
}


def check_normals(
    policy: StableDiffusionPolicy, rollout: Rollout
) -> Iterator[tuple[str, tuple[float, float]]]:
    """Yield each identity with its largest error over all steps with noise, and what is allowed."""
    found = torch.stack(list(_errors_by_step(policy, rollout))).amax(0)
    for (name, allowed), error in zip(ALLOWED.items(), found.tolist(), strict=True):
        yield name, (error, allowed)


def _errors_by_step(policy: StableDiffusionPolicy, rollout: Rollout) -> Iterator[Tensor]:
    """Yield the largest error of each identity, step by step, in the order of `ALLOWED`."""
    steps = rollout.schedule.stochastic_steps
    chosen = steps.expand(len(rollout.seeds), -1)
    reference = reference_predictions(policy, rollout, chosen, len(rollout.seeds))
    kl, log_ratio = (of(rollout, chosen, reference) for of in (rollout_kl, rollout_log_ratio))
    scheduler = _scheduler(policy, rollout)
    for column, index in enumerate(steps.tolist()):
        ours = _normal(scheduler, rollout, index, rollout.predictions[:, index])
        base = _normal(scheduler, rollout, index, reference[:, column])
        exact = _sum(kl_divergence(ours, base))
        errors = (
            *_log_prob_errors(rollout, index, ours),
            (kl[:, column] - exact) / exact,
            (log_ratio[:, column] - _log_ratio(rollout, index, ours, base)) / (2 * exact).sqrt(),
        )
        yield torch.stack([error.abs().max() for error in errors])


def _log_prob_errors(rollout: Rollout, index: int, ours: Normal) -> tuple[Tensor, Tensor]:
    """Return the errors of the log-prob that the noise gives, and of that of the latents."""
    latents, after = rollout.latents[:, index], rollout.latents[:, index + 1]
    step = rollout.schedule.at(torch.full((len(latents),), index), latents.device)
    mean = denoising.mean(latents, rollout.predictions[:, index], step)
    exact, size = _log_prob(rollout, index, ours), latents[0].numel()
    by_noise = denoising.log_prob_of_noise(rollout.noise[:, index], step).cpu()
    by_latents = denoising.log_prob(after, mean, step).cpu()
    return (by_noise - exact) / size, (by_latents - exact) / size


def _log_ratio(rollout: Rollout, index: int, ours: Normal, base: Normal) -> Tensor:
    return _log_prob(rollout, index, ours) - _log_prob(rollout, index, base)


def _log_prob(rollout: Rollout, index: int, normal: Normal) -> Tensor:
    return _sum(normal.log_prob(rollout.latents[:, index + 1].double()))


def _scheduler(policy: StableDiffusionPolicy, rollout: Rollout) -> DDIMScheduler:
    scheduler = DDIMScheduler.from_config(dict(policy.parts.scheduler_config))
    scheduler = cast(DDIMScheduler, scheduler)
    scheduler.set_timesteps(rollout.schedule.num_steps)
    return scheduler


def _normal(scheduler: DDIMScheduler, rollout: Rollout, index: int, prediction: Tensor) -> Normal:
    """Return the step's distribution: where diffusers goes without noise, and with noise of one."""
    latents = rollout.latents[:, index].double()

    def go(noise: Tensor) -> Tensor:
        step = scheduler.step(
            prediction.double(),
            int(scheduler.timesteps[index]),
            cast(torch.FloatTensor, latents),
            eta=rollout.schedule.eta,
            variance_noise=noise,
            return_dict=False,
        )
        return step[0]

    mean = go(torch.zeros_like(latents))
    return Normal(mean, go(torch.ones_like(latents)) - mean)


def _sum(values: Tensor) -> Tensor:
    return values.flatten(1).sum(1).cpu()
