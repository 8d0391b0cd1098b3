"""Iterations and their bare passes by turns, so that a busy machine slows both alike."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median, quantiles
from typing import Any

from jaxtyping import Float
from torch import Tensor

from benchmarks.iteration.passes import Seconds, needed_passes, run_bare
from rl_finetune.online import run_iteration
from rl_finetune.session import Session
from rl_finetune.stopwatch import Stopwatch

PARTS = ("sample", "score", "update", "other", "total")
Pair = tuple[Seconds, Seconds]
"""An iteration, and the bare passes that were timed after it."""


def brightness(
    images: Float[Tensor, "batch 3 height width"], prompts: list[str]
) -> Float[Tensor, " batch"]:
    """Reward that takes no time; what a real one takes is its own."""
    del prompts
    return images.mean((1, 2, 3))


def time_pairs(session: Session, num_pairs: int) -> list[Pair]:
    """Time an iteration and its bare passes so many times, after one of each that warms up."""
    passes = needed_passes(session)
    pairs = []
    for number in range(1, num_pairs + 2):
        whole = _time_iteration(session, number)
        pairs.append((whole, run_bare(session, passes)))
    return pairs[1:]


def _time_iteration(session: Session, number: int) -> Seconds:
    """Return the parts that an iteration's record has, and what its parts do not account for."""
    clock = Stopwatch()
    record = run_iteration(session, number)
    parts = (record.seconds_sample, record.seconds_score, record.seconds_update)
    sample, score, update = parts
    return Seconds(sample=sample, score=score, update=update, other=clock.lap() - sum(parts))


@dataclass(frozen=True, kw_only=True, slots=True)
class Spread:
    """Of one number per pair."""

    median: float
    low: float
    """Lower quartile, or the lowest of fewer than four."""
    high: float


def spread_of(values: Sequence[float]) -> Spread:
    """Return median and quartiles."""
    ordered = sorted(values)
    low, _, high = quantiles(ordered, n=4) if len(ordered) >= 4 else (ordered[0], 0, ordered[-1])
    return Spread(median=median(ordered), low=low, high=high)


def figures_of(pairs: Sequence[Pair]) -> dict[str, Any]:
    """Return the ratio, where the rest of the time goes, and every timing, as JSON has them.

    The rest of a part is what an iteration takes longer than its pair's bare passes, in shares of
    all of these: the shares of a pair's parts sum to its ratio less one.
    """
    rest = {
        part: [(getattr(whole, part) - getattr(bare, part)) / bare.total for whole, bare in pairs]
        for part in PARTS
    }
    seconds = {
        "iteration": [_by_part(whole) for whole, _ in pairs],
        "bare passes": [_by_part(bare) for _, bare in pairs],
    }
    return {
        "pairs": len(pairs),
        "ratio": asdict(spread_of([whole.total / bare.total for whole, bare in pairs])),
        "rest": {part: asdict(spread_of(shares)) for part, shares in rest.items()},
        "seconds": {name: _medians(rows) for name, rows in seconds.items()},
        "timings": seconds,
    }


def _by_part(seconds: Seconds) -> dict[str, float]:
    return {part: round(getattr(seconds, part), 4) for part in PARTS}


def _medians(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    return {part: median(row[part] for row in rows) for part in PARTS}
