"""Iterations and their bare passes by turns, so that a busy machine slows both alike."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, median, quantiles
from typing import Any

from jaxtyping import Float
from torch import Tensor

from benchmarks.iteration.passes import Seconds, needed_passes, run_bare
from rl_finetune.online import run_iteration
from rl_finetune.session import Session

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
        record = run_iteration(session, number)
        whole = Seconds(
            sample=record.seconds_sample,
            score=record.seconds_score,
            update=record.seconds_update,
        )
        pairs.append((whole, run_bare(session, passes)))
    return pairs[1:]


@dataclass(frozen=True, kw_only=True, slots=True)
class Ratio:
    """Of an iteration's time to its bare passes', over the pairs."""

    median: float
    low: float
    """Lower quartile, or the lowest of fewer than four."""
    high: float


def ratio_of(pairs: Sequence[Pair]) -> Ratio:
    """Return the ratio of each pair's times, summed up."""
    ratios = sorted(whole.total / bare.total for whole, bare in pairs)
    low, _, high = quantiles(ratios, n=4) if len(ratios) >= 4 else (ratios[0], 0, ratios[-1])
    return Ratio(median=median(ratios), low=low, high=high)


def figures_of(pairs: Sequence[Pair]) -> dict[str, Any]:
    """Return the ratio, and the mean seconds of every part, as JSON has them."""
    return {
        "pairs": len(pairs),
        "ratio": asdict(ratio_of(pairs)),
        "seconds": {
            "iteration": _means([whole for whole, _ in pairs]),
            "bare passes": _means([bare for _, bare in pairs]),
        },
    }


def _means(rows: Sequence[Seconds]) -> dict[str, float]:
    parts = ("sample", "score", "update", "total")
    return {part: round(fmean(getattr(row, part) for row in rows), 4) for part in parts}


def lines_of(figures: dict[str, Any]) -> list[str]:
    """Return the figures as a small table."""
    seconds, ratio = figures["seconds"], figures["ratio"]
    lines = [f"{'seconds':<24}{'iteration':>10}{'bare':>10}"]
    for part, said in (
        ("sample", "sample and decode"),
        ("score", "score"),
        ("update", "base and update"),
        ("total", "all"),
    ):
        whole, bare = seconds["iteration"][part], seconds["bare passes"][part]
        lines.append(f"{said:<24}{whole:>10.3f}{bare:>10.3f}")
    lines.append(
        f"ratio {ratio['median']:.3f} ({ratio['low']:.3f} to {ratio['high']:.3f}), "
        f"median and quartiles of {figures['pairs']} pairs"
    )
    return lines
