"""Whether raters favour a side: it is drawn at random, so half of all choices should go left."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data.rating_statistics.estimates import Estimate, clustered_share, share_of
from data.rating_statistics.outcomes import numbered
from data.records import Choice, Comparison

SIDES = (Choice.LEFT, Choice.RIGHT)
"""Choices that are decided."""


@dataclass(frozen=True, slots=True)
class SideBias:
    """Share of decided comparisons that went to the left image, minus one half."""

    plain: Estimate
    """As if all comparisons were independent: about these raters."""
    clustered: Estimate
    """About raters like these; without an interval where there is only one."""


def side_bias(comparisons: Sequence[Comparison]) -> SideBias | None:
    """Return the bias of decided comparisons, in [-0.5, 0.5]; None where none is decided.

    `win_rates.win_rates` estimates the same with the policies' strengths held fixed.
    """
    decided = [comparison for comparison in comparisons if comparison.choice in SIDES]
    is_left = np.array([c.choice is Choice.LEFT for c in decided], dtype=np.float64)
    raters = numbered([comparison.rater_id for comparison in decided])
    plain = share_of(is_left.sum(), len(decided))
    clustered = clustered_share(is_left, np.ones_like(is_left), raters, len(decided))
    if plain is None or clustered is None:
        return None
    return SideBias(_less_one_half(plain), _less_one_half(clustered))


def _less_one_half(share: Estimate) -> Estimate:
    low, high = (None if end is None else end - 0.5 for end in (share.low, share.high))
    return Estimate(share.value - 0.5, low, high, share.num)
