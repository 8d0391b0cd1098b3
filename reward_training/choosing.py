"""Which pairs to ask about: some at random, the others by what their answers would tell.

Before its answer is known, a pair is expected to lower the entropy of the last layer's weights by

    gain = 1/2 log det(1 + I F S F')        F = (f_a, f_b), I: Fisher's information of an answer

with S the posterior's covariance: D-optimal design (Houlsby et al. 2011 for the aim; Das et al.
2024, "Active preference optimization", for Bradley-Terry). Pairs of a batch know nothing of each
other, so they are drawn with a probability in proportion to their gain, not the best ones taken,
which spreads them as well as dearer rules do (Kirsch et al. 2023, "Stochastic batch acquisition").

What is measured on pairs that were chosen for being hard says too little of a reward. So a share of
the pairs is drawn evenly, and accuracy is measured on those alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from reward_training.config import TieModel
from reward_training.posterior import Posterior, information


@dataclass(frozen=True, slots=True)
class Chosen:
    """A pair that is to be asked about."""

    candidate: int
    """Its place among the candidates."""
    propensity: float
    """Probability with which it was drawn, of those that were left when its turn came."""


def information_gain(
    features: Float[Tensor, "pairs 2 width"],
    rewards: Float[Tensor, "pairs 2"],
    posterior: Posterior,
    *,
    tie_logit: Float[Tensor, ""],
    bar: Float[Tensor, ""],
    ties: TieModel,
) -> Float[Tensor, " pairs"]:
    """Return by how many nats an answer about each pair is expected to narrow the posterior.

    Args:
        features: Last-layer features of image a and image b.
        rewards: Raw rewards of both.
        posterior: What is open now.
        tie_logit: The reward's parameter of ties.
        bar: The reward's bar for "both bad".
        ties: The reward's model of ties.
    """
    told = information(rewards, tie_logit=tie_logit, bar=bar, ties=ties)
    open_now = torch.einsum("pia,ab,pjb->pij", features, posterior.covariance, features)
    identity = torch.eye(2, dtype=features.dtype, device=features.device)
    return torch.linalg.det(identity + told @ open_now).clamp_min(1).log() / 2


def choose(
    gains: Float[np.ndarray, " candidates"],
    *,
    num: int,
    evenly: Sequence[int],
    rng: np.random.Generator,
) -> list[Chosen]:
    """Draw pairs without repetition in proportion to their gain, beside those drawn evenly.

    Args:
        gains: What an answer about each candidate is expected to tell; none below 0.
        num: How many to draw, or all there are.
        evenly: Candidates that were drawn at random already, which are not drawn again.
        rng: Decides which.
    """
    weights = np.array(gains, dtype=np.float64)
    weights[list(evenly)] = 0.0
    # The largest of gain / exponential noise come in the order of draws without repetition
    # (Efraimidis and Spirakis 2006).
    keys = weights / rng.standard_exponential(len(weights))
    order = np.argsort(-keys, kind="stable")[: min(num, int((weights > 0).sum()))]
    left = weights.sum() - np.concatenate([[0.0], np.cumsum(weights[order])[:-1]])
    return [
        Chosen(int(place), float(min(1.0, weights[place] / total)))
        for place, total in zip(order, left, strict=True)
    ]
