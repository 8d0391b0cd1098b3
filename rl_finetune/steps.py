"""Which denoising steps are trained: the window's, and later ones for the KL alone.

The reward's gradient is taken over the steps of a window at the start, where an image's content is
decided; the KL over all steps. Both sums are estimated without bias from steps drawn at random for
each image: with `num` drawn out of `total`, each counts `total / num` times.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from data.errors import ConfigError
from rl_finetune.dpok_config import DpokConfig
from rl_finetune.schedule import Schedule


@dataclass(frozen=True, kw_only=True)
class StepBudget:
    """The steps that can be trained, and how many are drawn of them for each image."""

    window: Int[Tensor, " window"]
    later: Int[Tensor, " later"]
    num_trained: int
    num_later: int


@dataclass(frozen=True, kw_only=True)
class ChosenSteps:
    """The steps drawn for each image: some of the window, some of the later ones."""

    trained: Int[Tensor, "images trained"]
    later: Int[Tensor, "images later"]
    window_size: int
    """How many steps `trained` was drawn from."""
    num_later: float
    """How many steps `later` stands for."""

    @property
    def indices(self) -> Int[Tensor, "images chosen"]:
        """All steps of each image, first those of the window."""
        return torch.cat([self.trained, self.later], dim=1)

    @property
    def policy_weights(self) -> Float[Tensor, " chosen"]:
        """How many steps each column stands for in the reward's term; later ones for none."""
        return torch.cat([self._weights_of_trained(), torch.zeros(self.later.shape[1])])

    @property
    def kl_weights(self) -> Float[Tensor, " chosen"]:
        """How many steps each column stands for in the KL."""
        num = self.later.shape[1]
        later = torch.full((num,), self.num_later / max(num, 1))
        return torch.cat([self._weights_of_trained(), later])

    def _weights_of_trained(self) -> Float[Tensor, " trained"]:
        num = self.trained.shape[1]
        return torch.full((num,), self.window_size / num)

    def of_images(self, images: slice) -> "ChosenSteps":
        """Return what was drawn for some of the images."""
        return replace(self, trained=self.trained[images], later=self.later[images])

    def split(
        self, num_parts: int, *, with_later: bool
    ) -> Iterator[tuple["ChosenSteps", Int[Tensor, " columns"]]]:
        """Yield parts, with their columns of `indices`.

        Each estimates the whole; where there are fewer later steps than parts, some parts have none
        and the others count theirs for more, so that all parts together estimate it.
        """
        num_trained, num_later = self.trained.shape[1], self.later.shape[1]
        if not with_later:
            num_later = 0
        trained = torch.arange(num_trained).tensor_split(num_parts)
        later = torch.arange(num_later).tensor_split(num_parts)
        stands_for = self.num_later * num_parts / max(1, min(num_parts, num_later))
        for window_part, later_part in zip(trained, later, strict=True):
            part = ChosenSteps(
                trained=self.trained[:, window_part],
                later=self.later[:, later_part],
                window_size=self.window_size,
                num_later=stands_for,
            )
            yield part, torch.cat([window_part, num_trained + later_part])


def make_budget(schedule: Schedule, dpok: DpokConfig, num_updates: int) -> StepBudget:
    """Divide the schedule's steps with noise into the window and the later ones.

    Raises `ConfigError` where fewer steps are trained than updates share them.
    """
    stochastic = schedule.stochastic_steps
    last = max(1, round(dpok.window * schedule.num_steps))
    window, later = stochastic[stochastic < last], stochastic[stochastic >= last]
    num = len(window) if dpok.num_train_steps is None else dpok.num_train_steps
    if not num_updates <= num <= len(window):
        raise ConfigError(
            f"{num} denoising steps are trained per image: expected at most the {len(window)} with "
            f"noise in the window (dpok.window {dpok.window:g} of {schedule.num_steps}), "
            f"and at least optimiser.num_updates, {num_updates}"
        )
    return StepBudget(
        window=window,
        later=later,
        num_trained=num,
        num_later=min(dpok.num_kl_steps, len(later)),
    )


def choose_steps(rng: np.random.Generator, num_images: int, budget: StepBudget) -> ChosenSteps:
    """Draw steps for each image by itself, every subset and every order equally likely."""
    return ChosenSteps(
        trained=_shuffle(rng, num_images, budget.window)[:, : budget.num_trained],
        later=_shuffle(rng, num_images, budget.later)[:, : budget.num_later],
        window_size=len(budget.window),
        num_later=len(budget.later),
    )


def _shuffle(
    rng: np.random.Generator, num_images: int, steps: Int[Tensor, " steps"]
) -> Int[Tensor, "images steps"]:
    rows = np.tile(steps.numpy(), (num_images, 1))
    return torch.from_numpy(rng.permuted(rows, axis=1))
