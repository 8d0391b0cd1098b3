"""The loss of comparisons on prompts that a fit has not seen, whatever its level and scale there.

How good the images of an unknown prompt have to be before raters call them good enough cannot be
known without asking, and rewards are compared within a prompt only and standardised before they are
used. So what a fit is chosen by leaves both out: each held-out prompt has the bar, and all of them
together the scale, under which the comparisons are the most probable.
"""

import numpy as np
import torch
from jaxtyping import Float
from scipy.optimize import minimize
from torch import Tensor

from reward_training.config import TieModel
from reward_training.inputs.dataset import Comparisons
from reward_training.learning.losses import cross_entropy, merge_outcomes, outcome_log_probabilities
from reward_training.model import LearnedReward

SEARCH = 20.0
"""How far from a prompt's mean reward its bar is looked for; sigma(-20) is 2e-9."""
MAX_SCALING = 100.0
_LOGITS = torch.tensor([[0.5, -0.5], [-0.5, 0.5], [0, 0], [-1, -1]], dtype=torch.double)
"""What Davidson's logits of (a, b, tie, both bad), and Bradley-Terry's, gain with each reward."""


def held_out_loss(
    reward: LearnedReward, rewards: Float[Tensor, "pairs 2"], comparisons: Comparisons
) -> float:
    """Return the mean negative log-likelihood of comparisons at their best bars and scale."""
    raw, targets = rewards.detach().cpu().double(), comparisons.targets.double()
    tie_logit, zero = reward.tie_logit.detach().cpu().double(), torch.zeros((), dtype=torch.double)
    prompts, row_of = comparisons.prompt.unique(return_inverse=True)
    rows = row_of.numpy()
    means = np.bincount(rows, raw.mean(dim=1).numpy()) / np.bincount(rows)

    def loss_and_slope(point: np.ndarray) -> tuple[float, np.ndarray]:
        scale, bars = float(np.exp(point[0])), torch.from_numpy(point[1:])
        above = scale * (raw - bars[row_of, None])
        found = outcome_log_probabilities(above, tie_logit=tie_logit, bar=zero, ties=reward.ties)
        slopes = _slopes(found, targets, reward.ties) / len(targets)
        of_bars = -scale * np.bincount(rows, slopes.sum(dim=1).numpy(), minlength=len(prompts))
        of_scale = (slopes * above).sum().item()
        return cross_entropy(found, targets).mean().item(), np.array([of_scale, *of_bars])

    limit = float(np.log(MAX_SCALING))
    found = minimize(
        loss_and_slope,
        [0.0, *means],
        jac=True,
        method="L-BFGS-B",
        bounds=[(-limit, limit), *((mean - SEARCH, mean + SEARCH) for mean in means)],
    )
    return float(found.fun)


def _slopes(
    log_probabilities: Float[Tensor, "pairs outcomes"],
    targets: Float[Tensor, "pairs 4"],
    ties: TieModel,
) -> Float[Tensor, "pairs 2"]:
    """Return the slope of each comparison's loss in both images' rewards.

    In closed form, for a search takes some thirty of them at every look.
    """
    found = log_probabilities.exp()
    wanted = merge_outcomes(targets, found.shape[-1])
    if ties == "rao_kupper":
        a, b, _ = found.unbind(dim=1)
        margin = (torch.stack([a - 1, 1 - b, a - b], dim=1) * wanted).sum(dim=1)
        return torch.stack([margin, -margin], dim=1)
    return (found - wanted) @ _LOGITS[: found.shape[-1]]
