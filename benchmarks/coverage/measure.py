"""Coverage and width of a study's intervals."""

from dataclasses import dataclass

import numpy as np

from benchmarks.coverage.studies import Interval, Study
from data.rating_statistics.estimates import wilson_interval


@dataclass(frozen=True, slots=True)
class Coverage:
    """How often a way of making intervals holds the truth."""

    question: str
    setting: dict[str, object]
    way: str
    truth: float
    num_draws: int
    num_without: int
    """Draws that allowed no interval; they count neither way."""
    coverage: float
    low: float
    """Wilson's 95 % interval of the coverage, as is `high`."""
    high: float
    width: float
    """Median."""


def measure_coverage(study: Study, num_draws: int, seed: int) -> list[Coverage]:
    """Draw often and count, one result for each way that the study knows."""
    generator = np.random.default_rng(seed)
    drawn = [study.draw(generator) for _ in range(num_draws)]
    return [_count(study, way, [intervals[way] for intervals in drawn]) for way in study.truth]


def _count(study: Study, way: str, intervals: list[Interval]) -> Coverage:
    truth = study.truth[way]
    ends = [(low, high) for low, high in intervals if low is not None and high is not None]
    share = sum(low <= truth <= high for low, high in ends) / len(ends)
    low, high = wilson_interval(share, len(ends))
    return Coverage(
        question=study.question,
        setting=study.setting,
        way=way,
        truth=truth,
        num_draws=len(intervals),
        num_without=len(intervals) - len(ends),
        coverage=share,
        low=low,
        high=high,
        width=float(np.median([high - low for low, high in ends])),
    )
