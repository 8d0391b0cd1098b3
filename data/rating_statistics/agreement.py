"""How far raters agree beyond chance: Krippendorff's alpha for nominal values.

Krippendorff (2011), "Computing Krippendorff's Alpha-Reliability", section C: any number of raters,
any values missing. In a coincidence matrix every answer counts once, spread over the other answers
on the same pair; pairs with a single answer are left out.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.special import ndtr

from data.rating_statistics.estimates import Estimate, quantile
from data.rating_statistics.outcomes import MISSING, OutcomeList

NUM_RESAMPLES = 2000
_AT_ONCE = 50
"""Resamples that are in memory together, with a number for every pair in each."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement on pairs that two or more raters answered."""

    num_pairs: int
    num_comparisons: int
    num_raters: int
    alpha: Estimate | None
    """1 is perfect, 0 chance, less than 0 worse. None where there is no such pair, or where all
    answers are equal: without variation nothing tells agreement from habit."""
    observed: Estimate | None
    """Probability that another answer on the same pair is the same: alpha's 1 - D_o."""


def agreement(answers: OutcomeList, generator: np.random.Generator) -> Agreement:
    """Return how far raters agree on A, B, tie and both bad; skips are missing.

    Intervals resample pairs, so they speak of other pairs, not of other raters. Chance agreement
    follows from how often image a, image b and so on was answered over all pairs.
    """
    counts = answers.counts()
    shared = counts.sum(axis=1) >= 2
    alphas, observed = _resampled(counts[shared], generator)
    num = int(shared.sum())
    is_counted = (answers.outcomes != MISSING) & shared[answers.pairs]
    return Agreement(
        num_pairs=num,
        num_comparisons=int(counts[shared].sum()),
        num_raters=len(np.unique(answers.raters[is_counted])),
        alpha=_estimate(krippendorff_alpha(counts), alphas, num),
        observed=_estimate(observed_agreement(counts), observed, num),
    )


def krippendorff_alpha(counts: Int[np.ndarray, "pairs values"]) -> float | None:
    """Return nominal alpha from how often each value was given; None where it is undefined."""
    disagreement, totals = _parts(counts)
    alpha = float(_alpha(disagreement.sum(keepdims=True), totals.sum(axis=0, keepdims=True))[0])
    return alpha if np.isfinite(alpha) else None


def observed_agreement(counts: Int[np.ndarray, "pairs values"]) -> float | None:
    """Return the share of agreeing answers, weighted as alpha does; None without shared pairs."""
    disagreement, totals = _parts(counts)
    return float(1 - disagreement.sum() / totals.sum()) if totals.sum() else None


def _parts(
    counts: Int[np.ndarray, "pairs values"],
) -> tuple[Float[np.ndarray, " shared"], Float[np.ndarray, "shared values"]]:
    """Return each shared pair's disagreements (n D_o is their sum) and its values' counts."""
    shared = counts[counts.sum(axis=1) >= 2].astype(np.float64)
    size = shared.sum(axis=1)
    return (size**2 - np.square(shared).sum(axis=1)) / (size - 1), shared


def _alpha(
    disagreement: Float[np.ndarray, " draws"], totals: Float[np.ndarray, "draws values"]
) -> Float[np.ndarray, " draws"]:
    """Return 1 - D_o / D_e, not a number where all values are equal."""
    num = totals.sum(axis=-1)
    expected = num**2 - np.square(totals).sum(axis=-1)
    possible = expected > 0
    ratio = (num - 1) * disagreement / np.where(possible, expected, 1)
    return np.where(possible, 1 - ratio, np.nan)


def _resampled(
    counts: Int[np.ndarray, "shared values"], generator: np.random.Generator
) -> tuple[Float[np.ndarray, " draws"], Float[np.ndarray, " draws"]]:
    """Return alpha and observed agreement of pairs drawn with replacement."""
    disagreement, totals = _parts(counts)
    num = len(totals)
    if num < 2:
        return np.array([]), np.array([])
    chances = np.full(num, 1 / num)
    parts = [
        (times @ disagreement, times @ totals)
        for _ in range(NUM_RESAMPLES // _AT_ONCE)
        for times in [generator.multinomial(num, chances, size=_AT_ONCE)]
    ]
    drawn, drawn_totals = (np.concatenate(each) for each in zip(*parts, strict=True))
    return _alpha(drawn, drawn_totals), 1 - drawn / drawn_totals.sum(axis=1)


def _estimate(value: float | None, draws: Float[np.ndarray, " draws"], num: int) -> Estimate | None:
    """Return the expanded percentile interval: plain ones are too narrow where pairs are few.

    Hesterberg (2015), "What Teachers Should Know about the Bootstrap".
    """
    if value is None:
        return None
    known = draws[np.isfinite(draws)]
    if not len(known):
        return Estimate(value, None, None, num)
    tail = float(ndtr(-np.sqrt(num / (num - 1)) * quantile(num)))
    low, high = np.quantile(known, [tail, 1 - tail])
    return Estimate(value, float(low), float(high), num)
