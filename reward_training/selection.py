"""What the folds together choose: how long to train, and how far to let the towers go."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from reward_training.checkpoint import Look
from reward_training.dataset import Comparisons
from reward_training.split import Fold


@dataclass(frozen=True)
class Selection:
    """The best choice on held-out comparisons, and what they said of it.

    Every margin and probability comes from weights that have not seen the comparison's prompt.
    """

    num_updates: int
    tower_share: float
    log_loss: float
    held_out: Comparisons
    margins: Float[Tensor, " pairs"]
    probability_a: Float[Tensor, " pairs"]
    curve: list[dict[str, Any]]
    """Per look: update, train_loss, held_out_loss at the chosen share; means over the folds."""


def select(
    comparisons: Comparisons,
    folds: list[Fold],
    looks: list[list[Look]],
    shares: tuple[float, ...],
) -> Selection:
    """Choose the number of updates and the share with the smallest loss over all folds.

    Folds may have stopped at different times; only what all of them reached can be chosen.
    """
    reached = list(zip(*looks, strict=False))
    sizes = torch.tensor([float(len(fold.held_out)) for fold in folds])
    losses = torch.stack([_mean([look.losses for look in at], sizes) for at in reached])
    place, column = divmod(int(losses.argmin()), len(shares))
    chosen = reached[place]
    return Selection(
        num_updates=chosen[0].update,
        tower_share=shares[column],
        log_loss=float(losses[place, column]),
        held_out=comparisons.take(torch.cat([fold.held_out for fold in folds])),
        margins=torch.cat([look.margins[column] for look in chosen]),
        probability_a=torch.cat([look.probability_a[column] for look in chosen]),
        curve=[
            _point(at, float(loss)) for at, loss in zip(reached, losses[:, column], strict=True)
        ],
    )


def _mean(
    losses: list[Float[Tensor, " shares"]], sizes: Float[Tensor, " folds"]
) -> Float[Tensor, " shares"]:
    return (torch.stack(losses) * sizes[:, None]).sum(dim=0) / sizes.sum()


def _point(looks: tuple[Look, ...], held_out_loss: float) -> dict[str, Any]:
    train = [look.train_loss for look in looks if look.train_loss is not None]
    point = {"update": looks[0].update, "held_out_loss": held_out_loss}
    return point | ({"train_loss": sum(train) / len(train)} if train else {})
