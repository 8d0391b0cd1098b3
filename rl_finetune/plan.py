"""What an iteration draws: prompts, image seeds and trained steps, from the run's seed alone.

Everything is a function of (seed, iteration). So resuming needs no generator's state, and a run
that stops and goes on draws what it would have drawn.
"""

from dataclasses import dataclass

import numpy as np

from data.records import Prompt
from rl_finetune.config import SamplingConfig

_PROMPTS, _ITERATION = 0, 1
_SEED_LIMIT = 2**31


@dataclass(frozen=True, kw_only=True)
class IterationPlan:
    """One iteration's images, and the generator for what else it draws."""

    prompts: list[Prompt]
    """One per image; the images of a prompt are neighbours."""
    seeds: list[int]
    starts: list[int]
    """Per image, the seed of its prompt's first image: the same pure noise for all of them."""
    rng: np.random.Generator

    @property
    def prompt_ids(self) -> list[str]:
        """Prompt id of each image."""
        return [prompt.prompt_id for prompt in self.prompts]


def plan_iteration(
    prompts: list[Prompt], sampling: SamplingConfig, *, seed: int, iteration: int
) -> IterationPlan:
    """Choose the iteration's prompts, which take turns in an order shuffled anew per turn."""
    num_prompts = min(sampling.num_prompts, len(prompts))
    first = (iteration - 1) * num_prompts
    chosen = [_turn(prompts, seed, slot) for slot in range(first, first + num_prompts)]
    rng = np.random.default_rng([seed, _ITERATION, iteration])
    num_each = sampling.num_images_per_prompt
    seeds = rng.integers(_SEED_LIMIT, size=num_prompts * num_each)
    return IterationPlan(
        prompts=[p for p in chosen for _ in range(num_each)],
        seeds=seeds.tolist(),
        starts=seeds[::num_each].repeat(num_each).tolist(),
        rng=rng,
    )


def _turn(prompts: list[Prompt], seed: int, slot: int) -> Prompt:
    turn, place = divmod(slot, len(prompts))
    order = np.random.default_rng([seed, _PROMPTS, turn]).permutation(len(prompts))
    return prompts[order[place]]
