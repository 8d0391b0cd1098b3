"""docs/results.md's tables of what comparisons teach, from the records."""

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

Record = dict[str, Any]


def read_records(results: Path) -> list[Record]:
    """Read every cell's record."""
    return [json.loads(file.read_text()) for file in sorted(results.glob("*.json"))]


def make_tables(results: Path) -> str:
    """Write a table for each experiment: rows are variants, and numbers means over the seeds."""
    records = read_records(results)
    return "\n\n".join(
        _table(name, [record for record in records if record["experiment"] == name])
        for name in dict.fromkeys(record["experiment"] for record in records)
    )


def _table(name: str, records: Sequence[Record]) -> str:
    rows = [
        f"| {name}: fit | comparisons | seeds | right, unseen prompts | right, compared prompts |",
        "| --- | --- | --- | --- | --- |",
    ]
    groups: dict[tuple[int, str], list[Record]] = {}
    for record in records:
        for step in record["steps"]:
            groups.setdefault((step["comparisons"], record["variant"]), []).append(step)
    for (number, variant), steps in sorted(groups.items()):
        cells = [_spread([step[split]["value"] for step in steps]) for split in _SPLITS]
        rows.append(f"| {variant} | {number} | {len(steps)} | {' | '.join(cells)} |")
    return "\n".join(rows)


_SPLITS = ("unseen", "compared")


def _spread(values: Sequence[float]) -> str:
    """Write a mean with the standard deviation between seeds."""
    if len(values) < 2:
        return f"{mean(values):.3f}"
    return f"{mean(values):.3f} ± {stdev(values):.3f}"
