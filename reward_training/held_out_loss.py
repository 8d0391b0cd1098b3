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

from reward_training.dataset import Comparisons
from reward_training.losses import cross_entropy, outcome_log_probabilities
from reward_training.model import LearnedReward

SEARCH = 20.0
"""How far from a prompt's mean reward its bar is looked for; sigma(-20) is 2e-9."""
MAX_SCALING = 100.0


def held_out_loss(
    reward: LearnedReward, rewards: Float[Tensor, "pairs 2"], comparisons: Comparisons
) -> float:
    """Return the mean negative log-likelihood of comparisons at their best bars and scale."""
    raw, targets = rewards.detach().cpu().double(), comparisons.targets.double()
    tie_logit, zero = reward.tie_logit.detach().cpu().double(), torch.zeros((), dtype=torch.double)
    prompts, row_of = comparisons.prompt.unique(return_inverse=True)
    means = [raw[comparisons.prompt == prompt].mean().item() for prompt in prompts]

    def loss_and_slope(point: np.ndarray) -> tuple[float, np.ndarray]:
        at = torch.tensor(point, requires_grad=True)
        above = at[0].exp() * (raw - at[1:][row_of, None])
        found = outcome_log_probabilities(above, tie_logit=tie_logit, bar=zero, ties=reward.ties)
        loss = cross_entropy(found, targets).mean()
        (slope,) = torch.autograd.grad(loss, at)
        return loss.item(), slope.numpy()

    limit = float(np.log(MAX_SCALING))
    found = minimize(
        loss_and_slope,
        [0.0, *means],
        jac=True,
        method="L-BFGS-B",
        bounds=[(-limit, limit), *((mean - SEARCH, mean + SEARCH) for mean in means)],
    )
    return float(found.fun)
