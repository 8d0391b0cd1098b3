"""What the folds together choose: how long to train."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from reward_training.inputs.dataset import Comparisons
from reward_training.inputs.split import Fold
from reward_training.learning.checkpoint import Look


@dataclass(frozen=True)
class Selection:
    """The number of updates with the smallest held-out loss, and what was held out said of it.

    Every margin and probability comes from weights that have not seen the comparison's prompt.
    """

    num_updates: int
    log_loss: float
    held_out: Comparisons
    margins: Float[Tensor, " pairs"]
    probability_a: Float[Tensor, " pairs"]
    fold: Int[Tensor, " pairs"]
    """Number of the fold whose weights these are."""
    curve: list[dict[str, Any]]
    """Per look: update, held_out_loss and train_loss, means over the folds."""


def select(comparisons: Comparisons, folds: list[Fold], looks: list[list[Look]]) -> Selection:
    """Choose the number of updates with the smallest loss over all held-out comparisons.

    Folds may have stopped at different times; only what all of them reached can be chosen.
    """
    reached = list(zip(*looks, strict=False))
    sizes = [len(fold.held_out) for fold in folds]
    curve = [_point(at, sizes) for at in reached]
    best = min(range(len(curve)), key=lambda place: curve[place]["held_out_loss"])
    return Selection(
        num_updates=curve[best]["update"],
        log_loss=curve[best]["held_out_loss"],
        held_out=comparisons.take(torch.cat([fold.held_out for fold in folds])),
        margins=torch.cat([look.margins for look in reached[best]]),
        probability_a=torch.cat([look.probability_a for look in reached[best]]),
        fold=torch.arange(len(folds)).repeat_interleave(torch.tensor(sizes)),
        curve=curve,
    )


def _point(looks: tuple[Look, ...], sizes: list[int]) -> dict[str, Any]:
    total = sum(look.held_out_loss * size for look, size in zip(looks, sizes, strict=True))
    point = {"update": looks[0].update, "held_out_loss": total / sum(sizes)}
    train = [look.train_loss for look in looks if look.train_loss is not None]
    return point | ({"train_loss": sum(train) / len(train)} if train else {})
