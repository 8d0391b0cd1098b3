"""Shares with 95 % intervals: plain ones, and ones that hold where answers come in clusters."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.special import ndtri, stdtrit

COVERAGE = 0.95
_UPPER = (1 + COVERAGE) / 2


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its 95 % interval; None where a single cluster allows none."""

    value: float
    low: float | None
    high: float | None
    num: int
    """How many comparisons or pairs it stands on."""

    @property
    def interval(self) -> list[float] | None:
        """The interval as JSON has it."""
        return None if self.low is None or self.high is None else [self.low, self.high]


def quantile(num_clusters: int | None = None) -> float:
    """Return how many standard errors reach to an interval's end.

    Normal, or Student's t with one degree of freedom less than there are clusters.
    """
    return float(ndtri(_UPPER) if num_clusters is None else stdtrit(num_clusters - 1, _UPPER))


def wilson_interval(share: float, num: float) -> tuple[float, float]:
    """Return the score interval of a share of `num` answers (Wilson 1927).

    It also holds, a little wide, where answers lie between 0 and 1: none vary more than yes or no.
    """
    z = quantile()
    centre = (share + z**2 / (2 * num)) / (1 + z**2 / num)
    half = z / (1 + z**2 / num) * np.sqrt(share * (1 - share) / num + z**2 / (4 * num**2))
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def share_of(hits: float, num: int) -> Estimate | None:
    """Return the share of `hits` in `num` with Wilson's interval; None where there is nothing."""
    if not num:
        return None
    share = float(hits / num)
    return Estimate(share, *wilson_interval(share, num), num)


def clustered_share(
    hits: Float[np.ndarray, " units"],
    weights: Float[np.ndarray, " units"],
    cluster: Int[np.ndarray, " units"],
    most: float,
) -> Estimate | None:
    """Return the share `hits.sum() / weights.sum()` with an interval clustered by `cluster`.

    The standard error is that of leaving out one cluster after the other (MacKinnon, Nielsen and
    Webb 2023, "Cluster-robust inference"); the interval is Wilson's with as many answers as would
    have that error, fewer by Student's t (Korn and Graubard 1998). So it stays within 0 and 1, and
    few clusters tell little of others, even where they happen to be equal.

    Args:
        hits: What counts in each unit, from 0 to its weight.
        weights: How much each unit counts, above 0.
        cluster: Which rater or prompt each unit belongs to.
        most: How many answers it could be worth at most, were all independent.

    Returns:
        The share of as many units; None without any, no interval with a single cluster.
    """
    if not len(hits):
        return None
    share = float(hits.sum() / weights.sum())
    _, rows = np.unique(cluster, return_inverse=True)
    parts, sizes = np.bincount(rows, hits), np.bincount(rows, weights)
    num = len(sizes)
    if num < 2:
        return Estimate(share, None, None, len(hits))
    without = (hits.sum() - parts) / (weights.sum() - sizes)
    variance = (num - 1) / num * float(np.square(without - share).sum())
    worth = min(most, share * (1 - share) / variance) if 0 < share < 1 and variance else most
    worth *= (quantile() / quantile(num)) ** 2
    return Estimate(share, *wilson_interval(share, worth), len(hits))
