"""The learning curve as a figure: how often rewards are right, by what they have learned from."""

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from benchmarks.learning.tables import FITS, SIZES, SPLITS, UNTOUCHED, Record, groups
from benchmarks.paper.plots import save_figure

_COLOURS = ("#0b756d", "#3a8fd0", "#7a5cc4", "#b58900", "#c2410c")
"""Of `FITS`, one after another."""


def draw_curve(records: Sequence[Record], path: Path) -> None:
    """Draw each kind of fit against the number of comparisons: mean, lowest and highest seed.

    The dashed line is CLIP as it is, which has learned from none.
    """
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained", sharey=True)
    rows = groups("curve", [record for record in records if record["experiment"] == "curve"])
    for axis, (split, title) in zip(axes, SPLITS.items(), strict=True):
        for place, fit in enumerate(FITS):
            _trace(axis, [steps for variant, steps in rows if variant == fit], split, place)
        for variant, steps in rows:
            if variant == UNTOUCHED:
                axis.axhline(steps[0][split]["value"], color="#1f2937", ls="--", label=variant)
        axis.set_xscale("log")
        axis.set_xticks(SIZES, [f"{size:,}" for size in SIZES])
        axis.minorticks_off()
        axis.set_xlabel("comparisons, with 15 % of choices turned round")
        axis.set_title(title)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=6)
    save_figure(figure, path)


def _trace(axis: Axes, sizes: Sequence[Sequence[Record]], split: str, place: int) -> None:
    """Draw one kind of fit, a little to the side of the others, so that seeds can be told apart."""
    if not sizes:
        return
    across = [steps[0]["comparisons"] * 1.04 ** (place - 2) for steps in sizes]
    values = [[step[split]["value"] for step in steps] for steps in sizes]
    axis.plot(across, [fmean(each) for each in values], "o-", c=_COLOURS[place], label=FITS[place])
    lowest, highest = [min(each) for each in values], [max(each) for each in values]
    axis.vlines(across, lowest, highest, color=_COLOURS[place], alpha=0.5)
