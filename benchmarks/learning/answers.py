"""Simulated answers about pairs of a pool."""

from collections.abc import Sequence

import numpy as np
import torch

from benchmarks.learning.pool import Pool
from data.records import Aspect, Choice
from emoji_world.raters import SimulatedRater
from reward_training.inputs.dataset import Comparisons
from reward_training.inputs.outcomes import BOTH_BAD, PREFERS_A, PREFERS_B, TIE

OUTCOMES = {
    Choice.LEFT: PREFERS_A,
    Choice.RIGHT: PREFERS_B,
    Choice.TIE: TIE,
    Choice.BOTH_BAD: BOTH_BAD,
}
FLIP_RATE = 0.15
BY_CHANCE = "rater who answers at random"

Asked = tuple[int, int]
"""Image a and image b of one prompt."""


def honest(num: int) -> list[str]:
    """Name so many raters who follow the judge."""
    return [f"rater {number}" for number in range(1, num + 1)]


def random_pairs(pool: Pool, num: int, rng: np.random.Generator) -> list[Asked]:
    """Draw different pairs of the prompts that are asked about, evenly over them."""
    prompts = (~pool.is_unseen).nonzero().flatten().tolist()
    images = {prompt: pool.images_of(prompt) for prompt in prompts}
    drawn: dict[Asked, None] = {}
    while len(drawn) < num:
        for prompt in rng.permutation(prompts)[: num - len(drawn)]:
            a, b = rng.choice(images[int(prompt)], size=2, replace=False)
            drawn[(min(int(a), int(b)), max(int(a), int(b)))] = None
    return list(drawn)


def answer(
    pool: Pool,
    pairs: Sequence[Asked],
    raters: Sequence[str],
    rng: np.random.Generator,
    *,
    aspects: Sequence[Aspect] = (Aspect.OVERALL,),
) -> Comparisons:
    """Let the raters take turns at the pairs, and answer every question about each."""
    flips = SimulatedRater(name="rater", flip_rate=FLIP_RATE)
    names = [raters[turn % len(raters)] for turn in range(len(pairs)) for _ in aspects]
    pairs = [pair for pair in pairs for _ in aspects]
    asked = list(aspects) * (len(pairs) // len(aspects))
    outcomes = []
    for (a, b), name, aspect in zip(pairs, names, asked, strict=True):
        choice, _ = flips.choose(pool.verdict(a), pool.verdict(b), rng, aspect)
        by_chance = int(rng.integers(len(OUTCOMES)))
        outcomes.append(by_chance if name == BY_CHANCE else OUTCOMES[choice])
    prompt = pool.prompt[torch.tensor([a for a, _ in pairs])]
    return Comparisons(
        image_a=torch.tensor([a for a, _ in pairs]),
        image_b=torch.tensor([b for _, b in pairs]),
        prompt=prompt,
        outcome=torch.tensor(outcomes),
        raters=names,
        rater_kinds=["simulated"] * len(pairs),
        families=[pool.families[row] for row in prompt.tolist()],
        rounds=[1] * len(pairs),
        by_chance=torch.ones(len(pairs), dtype=torch.bool),
        weight=torch.ones(len(pairs)),
        aspects=asked,
        images=[str(row) for row in range(len(pool.prompt))],
        prompts=pool.prompts,
    )
