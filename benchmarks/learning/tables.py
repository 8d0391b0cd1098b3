"""The tables of docs/results.md that say what comparisons teach, from the records."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

Record = Mapping[str, Any]

HEADS = {
    "curve": "fit",
    "raters": "who answered, and with which weight",
    "ties": "what is made of ties",
    "active": "which pairs were asked about",
}
UNTOUCHED = "untouched CLIP similarity"
FITS = (
    "frozen",
    "text tower",
    "last half of both towers",
    "low rank on both towers",
    "both towers",
)
"""What learns, from the least to the most."""
SIZES = (100, 250, 600, 1500, 4000)
"""Comparisons that each of them learns from."""
SPLITS = {"unseen": "right on unseen prompts", "compared": "right on compared prompts"}
_GROWING = ("curve", "active")


def read_cells(results: Path) -> list[Record]:
    """Read every cell's record."""
    return [json.loads(file.read_text("utf-8")) for file in sorted(results.glob("*.json"))]


def make_tables(records: Sequence[Record]) -> dict[str, str]:
    """Return a table for each experiment by its place in the document."""
    return {
        f"learning {name}": _table(name, [r for r in records if r["experiment"] == name])
        for name in HEADS
    }


def _table(name: str, records: Sequence[Record]) -> str:
    if not records:
        return "Not run yet."
    heads = [HEADS[name], "comparisons", "seeds", *SPLITS.values()]
    rows = [heads, ["---"] * len(heads)]
    for variant, steps in groups(name, records):
        cells = (_spread([step[split]["value"] for step in steps]) for split in SPLITS)
        rows.append([variant, _range(steps), str(len(steps)), *cells])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def groups(name: str, records: Sequence[Record]) -> list[tuple[str, list[Record]]]:
    """Return the rows: the steps of a variant over the seeds, where it grows those of one size."""
    found: dict[tuple[int, str], list[Record]] = {}
    for record in records:
        variant = record["variant"].partition(", ")[0] if name == "curve" else record["variant"]
        for step in record["steps"]:
            size = step["comparisons"] if name in _GROWING else 0
            found.setdefault((size, variant), []).append(step)
    return [(variant, found[size, variant]) for size, variant in sorted(found, key=_place)]


def _place(row: tuple[int, str]) -> tuple[int, int, str]:
    """Put smaller sizes first, and among fits those that learn less."""
    size, variant = row
    return size, FITS.index(variant) if variant in FITS else 0, variant


def _range(steps: Sequence[Record]) -> str:
    sizes = sorted({step["comparisons"] for step in steps})
    return f"{sizes[0]:,}" if len(sizes) == 1 else f"{sizes[0]:,} to {sizes[-1]:,}"


def _spread(values: Sequence[float]) -> str:
    """Write the mean over seeds with the lowest and highest."""
    mean = _number(fmean(values))
    if len(values) < 2:
        return mean
    return f"{mean} ({_number(min(values))} to {_number(max(values))})"


def _number(value: float) -> str:
    return f"{value:.3f}".removeprefix("0")
