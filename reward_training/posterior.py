"""How uncertain a fitted reward is: Laplace's approximation around its last layer.

The reward is w . f(image, prompt). With the features f as they are and a normal prior of precision
lambda on w, the weights after the comparisons are about normal around the fitted ones, with

    precision = lambda 1 + sum over pairs of F' I F        F = (f_a, f_b), two rows

where I is Fisher's information of one answer about (r_a, r_b) under the model of ties (MacKay 1992,
"The evidence framework applied to classification networks"; last layer alone: Kristiadi et al.
2020). Lambda is such that, before any comparison, margins vary as much as the fitted ones do.

Answers say little of a level that all rewards share, so an image's uncertainty is that of its
reward minus the mean reward of what was compared.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from reward_training.config import TieModel
from reward_training.learning.losses import outcome_log_probabilities


@dataclass(frozen=True)
class Posterior:
    """What comparisons leave open about a last layer."""

    covariance: Float[Tensor, "width width"]
    centre: Float[Tensor, " width"]
    """Mean feature of what was compared."""

    def deviation(self, features: Float[Tensor, "batch width"]) -> Float[Tensor, " batch"]:
        """Return the standard deviation of rewards, in the units of the raw reward."""
        directions = features - self.centre
        variance = torch.einsum("bi,ij,bj->b", directions, self.covariance, directions)
        return variance.clamp_min(0).sqrt()


def information(
    rewards: Float[Tensor, "pairs 2"],
    *,
    tie_logit: Float[Tensor, ""],
    bar: Float[Tensor, ""],
    ties: TieModel,
) -> Float[Tensor, "pairs 2 2"]:
    """Return Fisher's information of one answer about both rewards: E[slope slope'] of log P."""

    def log_probabilities(pair: Tensor) -> Tensor:
        return outcome_log_probabilities(pair[None], tie_logit=tie_logit, bar=bar, ties=ties)[0]

    found = outcome_log_probabilities(rewards, tie_logit=tie_logit, bar=bar, ties=ties)
    slopes = torch.func.vmap(torch.func.jacrev(log_probabilities))(rewards)
    return torch.einsum("py,pyi,pyj->pij", found.exp(), slopes, slopes)


Told = tuple[Float[Tensor, "pairs 2 width"], Float[Tensor, "pairs 2"], Float[Tensor, " pairs"]]
"""Comparisons: last-layer features of image a and image b, their raw rewards, and weights."""


def fit_posterior(
    chunks: Iterable[Told],
    *,
    tie_logit: Float[Tensor, ""],
    bar: Float[Tensor, ""],
    ties: TieModel,
) -> Posterior:
    """Return what is left open after comparisons, read in chunks, under a fitted model of ties.

    Computed on the CPU, because not every device has double precision.
    """
    total = _Sums()
    for features, rewards, weight in chunks:
        both, raw, weights, tie, bad = (
            each.cpu().double() for each in (features, rewards, weight, tie_logit, bar)
        )
        told = information(raw, tie_logit=tie, bar=bad, ties=ties) * weights[:, None, None]
        total.precision = total.precision + torch.einsum("pia,pij,pjb->ab", both, told, both)
        total.features = total.features + both.mean(dim=1).sum(dim=0)
        total.directions = total.directions + (both[:, 0] - both[:, 1]).square().sum()
        total.margins = total.margins + (raw[:, 0] - raw[:, 1]).square().sum()
        total.pairs += len(raw)
    return total.posterior()


@dataclass
class _Sums:
    """Sums over comparisons, in double precision."""

    precision: Tensor = field(default_factory=lambda: torch.zeros((), dtype=torch.double))
    features: Tensor = field(default_factory=lambda: torch.zeros((), dtype=torch.double))
    directions: Tensor = field(default_factory=lambda: torch.zeros((), dtype=torch.double))
    margins: Tensor = field(default_factory=lambda: torch.zeros((), dtype=torch.double))
    pairs: int = 0

    def posterior(self) -> Posterior:
        """Add the prior under which a margin is expected to be as large as margins are."""
        tiny = torch.finfo(torch.double).tiny
        precision = self.precision.clone()
        precision.diagonal().add_(self.directions / self.margins.clamp_min(tiny))
        covariance = torch.cholesky_inverse(torch.linalg.cholesky(precision))
        return Posterior(covariance.float(), (self.features / self.pairs).float())
