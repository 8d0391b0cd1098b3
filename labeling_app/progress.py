"""How far a round and a rater have come: answers of the round, today's count, pace, time left."""

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from data.questions import Seats
from data.records import Choice, Comparison, Pair

_LONGEST_GAP_S = 90.0
"""A longer pause between two answers was a break, not work."""
_RECENT = 20
_FEWEST_GAPS = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """Progress in one round or in all open studies, and one rater's in it."""

    round: int
    is_of_studies: bool = False
    num_answered: int
    """Judgements that people have given; the rater's skips count too: nothing is left of them."""
    num_seats: int
    """Judgements that are asked of people: those that check raters are among them, so that nobody
    sees by the count which these are."""
    num_skipped: int = 0
    """Pairs among them that the rater skips."""
    num_today: int
    """The rater's own."""
    seconds_per_pair: float | None
    """Median over the last answers; None before there are enough."""

    @property
    def fraction(self) -> float:
        """Part of the round that is answered."""
        return min(1.0, self.num_answered / self.num_seats) if self.num_seats else 0.0

    @property
    def minutes_left(self) -> float | None:
        """Time that the rest of the round takes the rater alone at this pace."""
        if self.seconds_per_pair is None:
            return None
        return max(0, self.num_seats - self.num_answered) * self.seconds_per_pair / 60


def measure(
    mine: Sequence[Comparison],
    pairs: Mapping[str, Pair],
    seats: Seats,
    number: int,
    now: datetime,
    *,
    is_of_studies: bool = False,
) -> Progress:
    """Measure a rater's current answers against what is asked; `now` is naive UTC.

    Pairs and seats are those of the round, or those of the open studies.
    """
    by_others = seats.num_taken_by_others + seats.num_checks_by_others
    return Progress(
        round=number,
        is_of_studies=is_of_studies,
        num_answered=by_others + _num_judged(mine, pairs),
        num_seats=seats.num + seats.num_checks,
        num_skipped=len(_skipped(mine, pairs)),
        num_today=sum(c.created_at >= _local_midnight(now) for c in mine),
        seconds_per_pair=seconds_per_pair(_times_of_showings(mine), now),
    )


def _num_judged(mine: Sequence[Comparison], pairs: Mapping[str, Pair]) -> int:
    """Count the rater's judgements; a pair that they skip is done, and so is its second showing."""
    told = Counter(_showing(c) for c in mine if c.pair_id in pairs)
    judged = {showing for showing, num in told.items() if num >= len(pairs[showing[0]].aspects)}
    skipped = _skipped(mine, pairs)
    second = {(pair_id, True) for pair_id in skipped if pairs[pair_id].asked_again}
    return len(judged | {(pair_id, False) for pair_id in skipped} | second)


def _skipped(mine: Sequence[Comparison], pairs: Mapping[str, Pair]) -> set[str]:
    return {c.pair_id for c in mine if c.choice is Choice.SKIP and c.pair_id in pairs}


def _showing(comparison: Comparison) -> tuple[str, bool]:
    """Return which showing of a pair a comparison is of: the first or the second."""
    return comparison.pair_id, comparison.repeats is not None


def _times_of_showings(mine: Sequence[Comparison]) -> list[datetime]:
    """Return when each showing of a pair was done, which may have taken several answers."""
    in_order = sorted(mine, key=lambda comparison: comparison.created_at)
    return list({_showing(c): c.created_at for c in in_order}.values())


def seconds_per_pair(times: Sequence[datetime], now: datetime) -> float | None:
    """Return the median time between the latest answers of this sitting, breaks left out."""
    recent = [*sorted(times)[-_RECENT:], now]
    gaps = [(b - a).total_seconds() for a, b in pairwise(recent)]
    if gaps and gaps[-1] > _LONGEST_GAP_S:
        return None
    worked = [gap for gap in gaps[:-1] if gap <= _LONGEST_GAP_S]
    return statistics.median(worked) if len(worked) >= _FEWEST_GAPS else None


def title(progress: Progress) -> str:
    """Name the round; of a study no more than that it is one: its name may tell of policies."""
    if progress.is_of_studies:
        return "Study"
    return f"Round {progress.round}" if progress.round else ""


def describe(progress: Progress) -> list[str]:
    """Say it in a few short phrases, the most important first."""
    phrases = [f"{progress.num_answered} of {progress.num_seats}", f"{progress.num_today} today"]
    if progress.seconds_per_pair:
        phrases.append(f"{60 / progress.seconds_per_pair:.0f} a minute")
    left = progress.minutes_left
    if left is not None and progress.num_answered < progress.num_seats:
        phrases.append(f"about {max(1, round(left))} min left")
    return phrases


def _local_midnight(utc: datetime) -> datetime:
    """Return when the day began by clocks on the wall, in naive UTC as all times here."""
    local = utc.replace(tzinfo=UTC).astimezone()
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    return midnight.astimezone(UTC).replace(tzinfo=None)
