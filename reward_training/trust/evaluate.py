"""How far a reward's order can be trusted, from margins and outcomes alone.

`margin` is the reward of image a minus that of image b; `outcome` is 0 where a was preferred, 1
where b was, 2 where neither was; `cluster` is the prompt. Intervals resample whole
prompts, because the pairs of one prompt are not independent.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from reward_training.inputs.outcomes import PREFERS_A, TIE

NUM_RESAMPLES = 2000
_DRAWN_AT_ONCE = 2**20
COVERAGE = 0.95

Margins = Float[np.ndarray, " pairs"]
Outcomes = Int[np.ndarray, " pairs"]


@dataclass(frozen=True)
class Estimate:
    """A mean over pairs with its 95 % interval; None where a single prompt allows none."""

    value: float
    low: float | None
    high: float | None

    @property
    def interval(self) -> list[float] | None:
        """The interval as JSON has it."""
        return None if self.low is None or self.high is None else [self.low, self.high]


def hits(margin: Margins, outcome: Outcomes) -> Float[np.ndarray, " pairs"]:
    """Return 1 where the preferred image has the greater reward, 0 where not, 0.5 if they equal.

    Only means something for decided pairs.
    """
    signed = np.where(outcome == PREFERS_A, margin, -margin)
    return np.where(signed == 0, 0.5, (signed > 0).astype(np.float64))


def clustered_estimate(
    values: Float[np.ndarray, " pairs"],
    cluster: Int[np.ndarray, " pairs"],
    generator: np.random.Generator,
) -> Estimate:
    """Return the mean of `values` with a percentile bootstrap interval over whole clusters."""
    _, rows = np.unique(cluster, return_inverse=True)
    sums, sizes = np.bincount(rows, values), np.bincount(rows)
    if len(sizes) < 2:
        return Estimate(float(values.mean()), None, None)
    means = _resampled_means(sums, sizes, generator)
    low, high = np.quantile(means, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    return Estimate(float(values.mean()), float(low), float(high))


def _resampled_means(
    sums: Float[np.ndarray, " clusters"],
    sizes: Int[np.ndarray, " clusters"],
    generator: np.random.Generator,
) -> Float[np.ndarray, " resamples"]:
    """Draw clusters with replacement, some resamples at a time: clusters can be 100,000 prompts."""
    means, num_at_once = [], max(1, _DRAWN_AT_ONCE // len(sizes))
    for first in range(0, NUM_RESAMPLES, num_at_once):
        num = min(num_at_once, NUM_RESAMPLES - first)
        drawn = generator.integers(len(sizes), size=(num, len(sizes)))
        means.append(sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1))
    return np.concatenate(means)


def tie_aware_hits(
    margin: Margins, outcome: Outcomes, threshold: float
) -> Float[np.ndarray, " pairs"]:
    """Return 1 where the predicted outcome came, taking margins up to `threshold` for ties."""
    predicted = np.where(np.abs(margin) <= threshold, TIE, (margin < 0).astype(int))
    return (predicted == outcome).astype(np.float64)


def tie_threshold(margin: Margins, outcome: Outcomes) -> float:
    """Return the threshold on the margin that predicts most outcomes right.

    Tie calibration of Deutsch, Foster and Freitag (2023), "Ties Matter": it makes rewards of any
    scale comparable where ties count, each at its own best threshold.
    """
    candidates = np.concatenate([[-1.0], np.unique(np.abs(margin))])
    order = np.argsort(np.abs(margin), kind="stable")
    gains = np.where(outcome == TIE, 1.0, -hits(margin, outcome))[order]
    # Gain of calling the k smallest margins ties; a threshold takes all equal margins together.
    total = np.concatenate([[0.0], np.cumsum(gains)])
    last = np.searchsorted(np.abs(margin)[order], candidates, side="right")
    return float(candidates[int(np.argmax(total[last]))])
