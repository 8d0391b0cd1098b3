"""How far a rater has come: pairs of the round, today's count, pace, time left."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import pairwise

from data.records import Comparison

_LONGEST_GAP_S = 90.0
"""A longer pause between two answers was a break, not work."""
_RECENT = 20
_FEWEST_GAPS = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """One rater's progress in one round."""

    round: int
    num_rated: int
    num_pairs: int
    num_today: int
    seconds_per_pair: float | None
    """Median over the last answers; None before there are enough."""

    @property
    def fraction(self) -> float:
        """Part of the round's pairs that the rater has answered."""
        return self.num_rated / self.num_pairs if self.num_pairs else 0.0

    @property
    def minutes_left(self) -> float | None:
        """Time that the rest of the round takes at this pace."""
        if self.seconds_per_pair is None:
            return None
        return (self.num_pairs - self.num_rated) * self.seconds_per_pair / 60


def measure(
    mine: Sequence[Comparison], pair_ids: frozenset[str], number: int, now: datetime
) -> Progress:
    """Measure a rater's current comparisons against a round's pairs; `now` is naive UTC."""
    return Progress(
        round=number,
        num_rated=len({comparison.pair_id for comparison in mine} & pair_ids),
        num_pairs=len(pair_ids),
        num_today=sum(_local_day(c.created_at) == _local_day(now) for c in mine),
        seconds_per_pair=seconds_per_pair([comparison.created_at for comparison in mine], now),
    )


def seconds_per_pair(times: Sequence[datetime], now: datetime) -> float | None:
    """Return the median time between the latest answers of this sitting, breaks left out."""
    recent = [*sorted(times)[-_RECENT:], now]
    gaps = [(b - a).total_seconds() for a, b in pairwise(recent)]
    if gaps and gaps[-1] > _LONGEST_GAP_S:
        return None
    worked = [gap for gap in gaps[:-1] if gap <= _LONGEST_GAP_S]
    return statistics.median(worked) if len(worked) >= _FEWEST_GAPS else None


def describe(progress: Progress) -> list[str]:
    """Say it in a few short phrases, the most important first."""
    phrases = [f"{progress.num_rated} of {progress.num_pairs}", f"{progress.num_today} today"]
    if progress.seconds_per_pair:
        phrases.append(f"{60 / progress.seconds_per_pair:.0f} a minute")
    left = progress.minutes_left
    if left is not None and progress.num_rated < progress.num_pairs:
        phrases.append(f"about {max(1, round(left))} min left")
    return phrases


def _local_day(utc: datetime) -> date:
    return utc.replace(tzinfo=UTC).astimezone().date()
