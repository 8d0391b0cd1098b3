"""The records as figures: what alignment costs in KL, and in images."""

import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from benchmarks.paper.records import AVERAGED_IMAGES, Record, final, smoothed
from data.files import write_atomically

Records = Mapping[str, Sequence[Record]]

_FRONTIER = {
    "dpok": "#0b756d",
    "dpok-long": "#14b8a6",
    "dpok-kl-high": "#3a8fd0",
    "dpok-kl-low": "#7a5cc4",
    "dpok-no-kl": "#c2410c",
    "supervised": "#6b7280",
    "supervised-kl-d": "#a8a29e",
    "supervised-kl-o": "#b58900",
}
_PRESETS = {
    "dpok-long": "#0b756d",
    "paper": "#b9a6e8",
    "paper-rate": "#7a5cc4",
    "parity": "#f0a988",
    "parity-rate": "#c2410c",
}
_SAID = {"dpok-long": "default (dpok-long)"}


def draw_frontier(records: Records, path: Path) -> None:
    """Draw alignment, the learned reward and drawing quality against the KL that was spent.

    Lines are training, seed by seed; marks are the last policies on prompts' own measured images.
    """
    figure, axes = plt.subplots(1, 3, figsize=(15, 4.6), layout="constrained")
    for axis, measure in zip(axes, ("alignment", "reward", "quality"), strict=True):
        for name, colour in _there(_FRONTIER, records):
            for record in records[name]:
                _trace(axis, record, "kl", measure, colour)
                axis.plot(*_at(record, measure), "o", color=colour, ms=7, mec="white")
            axis.plot([], [], "o-", color=colour, label=name)
        axis.set_xscale("symlog", linthresh=1.0)
        axis.set_xlim(left=0)
        axis.set_xlabel("KL to the base, nats an image")
        axis.set_title(measure)
    axes[0].legend(frameon=False, fontsize=9)
    save_figure(figure, path)


def draw_presets(records: Records, path: Path) -> None:
    """Draw alignment against images sampled, seed by seed, for each preset."""
    figure, axis = plt.subplots(figsize=(7, 4.2), layout="constrained")
    for name, colour in _there(_PRESETS, records):
        for record in records[name]:
            _trace(axis, record, "num_images", "alignment", colour)
        axis.plot([], [], color=colour, label=_SAID.get(name, name))
    axis.set_xlabel("images sampled, each with one reward asked for")
    axis.set_title("alignment of the training images")
    if axis.lines:
        axis.legend(frameon=False)
    save_figure(figure, path)


def _there(colours: Mapping[str, str], records: Records) -> Iterable[tuple[str, str]]:
    return ((name, colour) for name, colour in colours.items() if name in records)


def _trace(axis: Axes, record: Record, x: str, y: str, colour: str) -> None:
    curve = record["curve"]
    images = np.diff(curve["num_images"], prepend=0)
    # A supervised run draws its images beforehand; what it is watched by has an iteration each.
    window = max(1, round(AVERAGED_IMAGES / images.max())) if images[-1] else 3
    across = curve[x] if x == "num_images" else smoothed(curve[x], window)
    axis.plot(across, smoothed(curve[y], window), color=colour, lw=1.2, alpha=0.55)


def _at(record: Record, measure: str) -> tuple[float, float]:
    return final(record, "kl"), final(record, measure)


def save_figure(figure: "plt.Figure", path: Path) -> None:  # pyright: ignore[reportPrivateImportUsage]
    """Write a figure as a PNG, its axes without a frame."""
    for axis in figure.axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(alpha=0.2)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    plt.close(figure)
    write_atomically(path, buffer.getvalue())
