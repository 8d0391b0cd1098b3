"""Numbers as people read them, on the terminal and on the page."""

from collections.abc import Mapping, Sequence

UNKNOWN = "-"
"""Stands where a number is not known."""


def percent(share: float | None) -> str:
    """Write a share as a whole percentage, an unknown one as a dash."""
    return UNKNOWN if share is None else f"{100 * share:.0f} %"


def points(difference: float | None, interval: Sequence[float] | None) -> str:
    """Write a difference of shares in percentage points with its interval."""
    if difference is None:
        return UNKNOWN
    return f"{100 * difference:+.0f} points{bounds(interval, 100)}"


def bounds(interval: Sequence[float] | None, factor: float = 1, digits: int = 0) -> str:
    """Write a 95 % interval behind its value; nothing where there is none."""
    if interval is None:
        return ""
    low, high = (f"{factor * bound:.{digits}f}" for bound in interval)
    return f" ({low} to {high})"


def short_id(identity: str) -> str:
    """Return the beginning of an id, which the page shows of a rater."""
    return identity[:8]


def duration(seconds: float) -> str:
    """Write a time in seconds, minutes or hours."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def killed_words(killed: Mapping[str, int]) -> str:
    """Say of which stages a time leaves attempts out; nothing where it has them all."""
    if not killed:
        return ""
    stages = ", ".join(f"{stage} {num}" for stage, num in killed.items())
    return f"without attempts that were killed, whose time nobody knows: {stages}"
