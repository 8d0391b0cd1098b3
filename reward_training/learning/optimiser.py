"""What an update of a fit sees and how far it goes: its rows, its rates, its optimiser."""

from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from reward_training.config import TrainingConfig
from reward_training.learning.reliability import Reliability
from reward_training.learning.trainable import TrainableReward

WARMUP_FRACTION = 0.1
RATERS_RATE = 5e-2
"""Learning rate of reliabilities, logits that must come from nine in ten to none in a fit."""


def warm_up(update: int, num_updates: int) -> float:
    """Return the share of the learning rate: it rises over the first tenth, then stays."""
    return min(1.0, (update + 1) / max(1, round(WARMUP_FRACTION * num_updates)))


def batch_rows(update: int, num_rows: int, batch_size: int, seed: int) -> Int[Tensor, " batch"]:
    """Return the rows of one update: the next part of an endless series of shuffles."""
    first, last = update * batch_size, (update + 1) * batch_size
    shuffles = range(first // num_rows, (last - 1) // num_rows + 1)
    orders = [_shuffle(num_rows, seed, number) for number in shuffles]
    skipped = first // num_rows * num_rows
    return torch.from_numpy(np.concatenate(orders)[first - skipped : last - skipped])


@lru_cache(maxsize=2)
def _shuffle(num_rows: int, seed: int, number: int) -> Int[np.ndarray, " rows"]:
    return np.random.default_rng([seed, number]).permutation(num_rows)


def make_optimiser(reward: TrainableReward, config: TrainingConfig) -> torch.optim.AdamW:
    """Group the weights: matrices decay, vectors do not, scalars have their own rate."""
    reliabilities = [module for module in reward.modules() if isinstance(module, Reliability)]
    raters = [weight for reliability in reliabilities for weight in reliability.parameters()]
    others = {id(weight) for weight in raters}
    weights = [w for w in reward.trained_parameters().values() if id(w) not in others]
    rates = [config.learning_rate, config.learning_rate, config.scalar_learning_rate, RATERS_RATE]
    decays = [config.weight_decay, 0.0, 0.0, 0.0]
    members = [
        [weight for weight in weights if weight.ndim >= 2],
        [weight for weight in weights if weight.ndim == 1],
        [weight for weight in weights if weight.ndim == 0],
        raters,
    ]
    groups = [
        {"params": group, "lr": rate, "peak": rate, "weight_decay": decay}
        for group, rate, decay in zip(members, rates, decays, strict=True)
    ]
    return torch.optim.AdamW(groups, fused=True)


def set_learning_rate(optimiser: torch.optim.Optimizer, share: float) -> None:
    """Give every group its share of its own rate."""
    for group in optimiser.param_groups:
        group["lr"] = group["peak"] * share
