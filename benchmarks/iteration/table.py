"""An iteration's figures in words: the table that is printed and that docs/results.md has."""

from typing import Any

_PARTS = {
    "sample": "sampling and decoding",
    "score": "rewards",
    "update": "the base's predictions and updates",
    "other": "planning and the record",
    "total": "**all**",
}


def make_table(figures: dict[str, Any]) -> str:
    """Return the seconds of every part, where the rest goes, and the ratio."""
    lines = [
        "| seconds | iteration | bare passes | the rest, in % of all bare passes |",
        "| --- | --- | --- | --- |",
        *(_row(figures, part) for part in _PARTS),
        "",
        f"Ratio {_spread(figures['ratio'], '.3f')}; medians of {figures['pairs']} pairs, "
        "with quartiles in brackets.",
    ]
    return "\n".join(lines)


def _row(figures: dict[str, Any], part: str) -> str:
    seconds = figures["seconds"]
    whole, bare = seconds["iteration"][part], seconds["bare passes"][part]
    rest = {name: 100 * share for name, share in figures["rest"][part].items()}
    return f"| {_PARTS[part]} | {whole:.3f} | {bare:.3f} | {_spread(rest, '+.1f')} |"


def _spread(spread: dict[str, float], form: str) -> str:
    return f"{spread['median']:{form}} ({spread['low']:{form}} to {spread['high']:{form}})"


def machine_of(figures: dict[str, Any]) -> str:
    """Return what the figures were measured on, and what else ran there."""
    before, after = figures["load"]
    return (
        f"{figures['preset']} on {figures['device']}, {figures['threads']} of {figures['cores']} "
        f"cores, torch {figures['torch']}; load average {before:.1f} before and {after:.1f} after."
    )
