"""The network passes that a DPOK iteration cannot do without, and nothing else.

diffusers' own networks are called on random numbers of the shapes that an iteration has: no
schedule, no noise, no ratios, no records.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch

from rl_finetune.pretrained import StableDiffusionParts
from rl_finetune.session import Session
from rl_finetune.stable_diffusion import StableDiffusionPolicy
from rl_finetune.steps import choose_steps
from rl_finetune.stopwatch import Stopwatch


@dataclass(frozen=True, kw_only=True, slots=True)
class Passes:
    """How many images or denoising steps each pass has, in order; guidance doubles a UNet's."""

    sample: list[int]
    decode: list[int]
    base: list[int]
    update: list[int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Seconds:
    """Wall time of an iteration's parts."""

    sample: float
    """Denoising and decoding."""
    score: float
    """Asking for rewards; bare passes have none."""
    update: float
    """The base's predictions, and the updates."""
    other: float = 0.0
    """Planning and the record; bare passes have neither."""

    @property
    def total(self) -> float:
        """Of the whole iteration."""
        return self.sample + self.score + self.update + self.other


def needed_passes(session: Session) -> Passes:
    """Return what one iteration of a session needs."""
    config = session.config
    images, settings = config.sampling.num_images, config.optimiser
    batches = _batches(images, config.sampling.batch_size)
    chosen = choose_steps(np.random.default_rng(0), images, session.budget)
    shares = chosen.split(settings.num_updates, with_later=config.dpok.kl_weight > 0)
    once = [
        rows
        for _, columns in shares
        for rows in _batches(images * len(columns), settings.batch_size)
    ]
    return Passes(
        sample=[rows for rows in batches for _ in range(config.sampling.num_steps)],
        decode=batches,
        base=_batches(chosen.indices.numel(), settings.batch_size),
        update=once * settings.num_passes,
    )


def _batches(total: int, size: int) -> list[int]:
    return [min(size, total - start) for start in range(0, total, size)]


def run_bare(session: Session, passes: Passes) -> Seconds:
    """Make the passes and return how long they took."""
    policy = session.learner.policy
    network, decode = _network(session), _decoder(session)
    clock = Stopwatch()
    with torch.no_grad():
        for rows in passes.sample:
            network(rows)
        for rows in passes.decode:
            decode(rows)
        sample = clock.lap()
        with policy.reference():
            for rows in passes.base:
                network(rows)
    for rows in passes.update:
        network(rows).square().mean().backward()
    for parameter in policy.adapter_parameters().values():
        parameter.grad = None
    return Seconds(sample=sample, score=0.0, update=clock.lap())


def _network(session: Session) -> Callable[[int], torch.Tensor]:
    """Return a UNet's pass over this many images, both branches of guidance in one."""
    config = session.config
    policy = session.learner.policy
    unet, device = _parts(session).unet, policy.device
    tokens = policy.encode_prompts([""])
    branches = 2 if config.sampling.guidance > 1 else 1
    inputs = _inputs(branches, policy.latent_shape, tokens)

    def run(rows: int) -> torch.Tensor:
        latents, timesteps, condition = inputs(rows)
        with torch.autocast(device.type, torch.bfloat16, enabled=config.precision == "bf16"):
            return unet(latents, timesteps, encoder_hidden_states=condition, return_dict=False)[0]

    return run


def _inputs(
    branches: int, shape: tuple[int, int, int], tokens: torch.Tensor
) -> Callable[[int], tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Return a function that gives inputs for so many images, made once per size."""
    made: dict[int, tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = {}

    def inputs(images: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        rows = branches * images
        if images not in made:
            made[images] = (
                torch.randn(rows, *shape, device=tokens.device),
                torch.full((rows,), 500, device=tokens.device),
                tokens.repeat(rows, 1, 1),
            )
        return made[images]

    return inputs


def _parts(session: Session) -> StableDiffusionParts:
    return cast(StableDiffusionPolicy, session.learner.policy).parts


def _decoder(session: Session) -> Callable[[int], torch.Tensor]:
    policy = session.learner.policy
    vae = _parts(session).vae

    def run(rows: int) -> torch.Tensor:
        latents = torch.randn(rows, *policy.latent_shape, device=policy.device)
        return vae.decode(cast(torch.FloatTensor, latents), return_dict=False)[0]

    return run
