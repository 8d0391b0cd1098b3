"""Figures as inline SVG whose colours and type are the page's own, in light and in dark.

Matplotlib is given colours that nobody would choose; in the SVG they become CSS variables.
"""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, MUTED, RULE = "#010203", "#040506", "#070809"
BASE, ACCENT, CONTROL = "#0a0b0c", "#0d0e0f", "#101112"
_BETWEEN = ("#131415", "#161718", "#191a1b", "#1c1d1e")
"""Colours of the policies between the base and the newest."""

_VARIABLES = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    RULE: "var(--rule)",
    BASE: "var(--base)",
    ACCENT: "var(--accent)",
    CONTROL: "var(--control)",
    **{
        colour: f"color-mix(in oklab, var(--accent) {share}%, var(--base))"
        for colour, share in zip(_BETWEEN, (30, 50, 68, 82), strict=True)
    },
}
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "tastemaker",
    "font.size": 8.5,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": RULE,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": RULE,
    "ytick.color": RULE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "legend.frameon": False,
}


def colours_of(num_policies: int) -> list[str]:
    """Return a colour per policy: the base quiet, the newest in the accent, others in between."""
    if num_policies == 1:
        return [BASE]
    num_between = num_policies - 2
    last = len(_BETWEEN) - 1
    places = (
        [1] if num_between == 1 else [last * n // (num_between - 1) for n in range(num_between)]
    )
    return [BASE, *(_BETWEEN[place] for place in places), ACCENT]


@contextmanager
def figure(width: float, height: float, columns: int = 1) -> Iterator[tuple[Figure, list[Axes]]]:
    """Give a figure of that size in inches with axes side by side, in the page's style."""
    with mpl.rc_context(_STYLE):
        made = Figure(figsize=(width, height))
        made.set_layout_engine("constrained", wspace=0.08)
        yield made, list(made.subplots(1, columns, squeeze=False)[0])


def as_svg(made: Figure, title: str) -> str:
    """Return the SVG element alone, scaling with the page and named for who cannot see it."""
    file = io.StringIO()
    made.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    text = file.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(
        r'(<svg [^>]*?)width="[^"]*" height="[^"]*"', r"\1", text, count=1, flags=re.DOTALL
    )
    text = re.sub(r'(<svg [^>]*?)height="[^"]*"([^>]*?)width="[^"]*"', r"\1\2", text, count=1)
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, variable)
    return text.replace("<svg ", f'<svg role="img" aria-label="{title}" ', 1)
