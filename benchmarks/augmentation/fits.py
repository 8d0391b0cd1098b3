"""The same fit with and without augmented images."""

from collections.abc import Iterator

import numpy as np

from benchmarks.learning.answers import answer, honest, random_pairs
from benchmarks.learning.fits import Bench, order
from reward_training.config import ModelConfig, TrainingConfig


def both_ways(
    bench: Bench, model: ModelConfig, num: int, seed: int
) -> Iterator[tuple[bool, float, float]]:
    """Yield whether images were augmented, and the order on compared and on unseen prompts."""
    rng = np.random.default_rng([seed, 0])
    answers = answer(bench.pool, random_pairs(bench.pool, num, rng), honest(1), rng)
    for augment in (False, True):
        training = TrainingConfig(seed=seed, device="cpu", augment=augment)
        reward = bench.fit(answers, model, training).reward
        yield (
            augment,
            order(bench, reward, unseen=False).value,
            order(bench, reward, unseen=True).value,
        )
