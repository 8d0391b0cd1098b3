"""An evaluation as text: a row per policy, a block per split and measure."""

from collections.abc import Iterator, Mapping
from typing import Any


def format_table(summary: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the lines; a gain whose interval leaves out 0 has a star."""
    lines: list[str] = []
    splits = dict.fromkeys(split for policy in summary.values() for split in policy)
    for split in splits:
        for measure in next(iter(summary.values()))[split]["measures"]:
            lines += ["", f"{split}: {measure}"]
            lines += [
                _row(name, policy[split]["measures"][measure]) for name, policy in summary.items()
            ]
        lines += _distances(split, summary)
    return lines[1:]


def _row(name: str, measure: Mapping[str, Any]) -> str:
    value, gain = measure["policy"], measure["gain"]
    low, high = gain["low"], gain["high"]
    star = "*" if low is not None and (low > 0 or high < 0) else ""
    interval = "" if low is None else f" [{low:+.3f}, {high:+.3f}]"
    families = "".join(f"  {family} {mean:.3f}" for family, mean in measure["families"].items())
    return f"  {name:<20} {value['value']:9.3f}  {gain['value']:+.3f}{interval}{star}{families}"


def _distances(split: str, summary: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    distances = {name: policy[split]["distance_to_base"] for name, policy in summary.items()}
    if None in distances.values():
        return
    yield from ("", f"{split}: distance to the base's images at other seeds (squared MMD)")
    yield from (f"  {name:<20} {distance:9.4f}" for name, distance in distances.items())
