"""Pictures of how far a reward can be trusted: reliability and learning curve.

They are drawn on given axes in given colours, so that a report can have them in its own.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

_DOTTED = (0, (2, 3))


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours as Matplotlib takes them."""

    accent: str = "#0f766e"
    control: str = "#c2782b"
    ink: str = "#1f2023"
    rule: str = "#c9c5bb"


def draw_reliability(axes: Axes, calibration: dict[str, Any], palette: Palette) -> None:
    """Draw the share of right pairs over how sure the reward was of them; honest is the diagonal.

    Dots grow with their number of pairs.
    """
    axes.plot([0.5, 1], [0.5, 1], color=palette.rule, linewidth=1, linestyle=_DOTTED)
    before, after = calibration["before"]["bins"], calibration["after"]
    _bins(axes, before, calibration["pairs"], palette.control, "as fitted")
    if after is not None:
        _bins(axes, after["bins"], calibration["pairs"], palette.accent, "calibrated")
    axes.set_xlabel("how sure the reward is")
    axes.set_ylabel("how often it is right")
    axes.set_xlim(0.48, 1.02)
    lowest = min(each["accuracy"] for each in before)
    axes.set_ylim(min(0.35, lowest - 0.05), 1.04)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda share, _: f"{100 * share:.0f}%")
    axes.legend(
        loc="lower left", bbox_to_anchor=(-0.03, 1), ncols=2, frameon=False, handletextpad=0.2
    )


def _bins(
    axes: Axes, bins: Sequence[dict[str, Any]], num_pairs: int, colour: str, name: str
) -> None:
    for each in bins:
        if (interval := each["accuracy_interval"]) is not None:
            axes.plot([each["confidence"]] * 2, interval, color=colour, linewidth=1, alpha=0.5)
    xs, ys = ([each[key] for each in bins] for key in ("confidence", "accuracy"))
    axes.scatter(
        xs, ys, [12 + 250 * each["pairs"] / num_pairs for each in bins], color=colour, label=name
    )
    axes.plot(xs, ys, color=colour, linewidth=1, alpha=0.5)


def draw_margin_quarters(axes: Axes, quarters: Sequence[dict[str, Any]], palette: Palette) -> None:
    """Draw how often the reward is right in each quarter of pairs by the size of its margin."""
    for place, each in enumerate(quarters):
        if (interval := each["accuracy_interval"]) is not None:
            axes.plot([place] * 2, interval, color=palette.accent, linewidth=2.4, alpha=0.45)
        axes.plot(place, each["accuracy"], "o", color=palette.accent, markersize=7)
    axes.axhline(0.5, color=palette.rule, linewidth=1, linestyle=_DOTTED)
    names = [f"{each['least']:.1f} to\n{each['most']:.1f}" for each in quarters]
    axes.set_xticks(range(len(quarters)), names)
    axes.set_xlim(-0.5, len(quarters) - 0.5)
    axes.set_xlabel("margin of rewards, in quarters of the pairs")
    axes.set_ylabel("how often it is right")
    lowest = min((each["accuracy_interval"] or [each["accuracy"]])[0] for each in quarters)
    axes.set_ylim(min(0.35, lowest - 0.05), 1.04)
    axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f}%")


def draw_learning_curve(axes: Axes, curve: dict[str, Any], palette: Palette) -> None:
    """Draw held-out accuracy over the number of comparisons, and where it is bound for."""
    points = curve["points"]
    sizes = [point["comparisons"] for point in points]
    for point in points:
        if (interval := point["held_out_accuracy_interval"]) is not None:
            axes.plot(
                [point["comparisons"]] * 2, interval, color=palette.accent, linewidth=1, alpha=0.5
            )
    axes.plot(sizes, [point["held_out_accuracy"] for point in points], "o", color=palette.accent)
    if (found := curve["saturation"]) is not None:
        beyond = np.geomspace(sizes[0], 2 * sizes[-1])
        errors = found["floor"] + found["fall"] * (beyond / found["unit"]) ** -found["exponent"]
        axes.plot(beyond, 1 - errors, color=palette.accent, linewidth=1, linestyle=_DOTTED)
    axes.set_xscale("log")
    axes.set_xticks(sizes, [f"{size:.0f}" for size in sizes])
    axes.minorticks_off()
    axes.set_xlabel("comparisons learned from")
    axes.set_ylabel("held-out accuracy")
    axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f}%")


def reliability_png(calibration: dict[str, Any]) -> bytes:
    """Return the reliability plot as a file's content."""
    return _png(lambda axes: draw_reliability(axes, calibration, Palette()), 4.4)


def learning_curve_png(curve: dict[str, Any]) -> bytes:
    """Return the learning curve as a file's content."""
    return _png(lambda axes: draw_learning_curve(axes, curve, Palette()), 5.6)


def _png(draw: Callable[[Axes], None], width: float) -> bytes:
    made = Figure(figsize=(width, 4), layout="constrained")
    axes = made.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    draw(axes)
    file = io.BytesIO()
    made.savefig(file, format="png", dpi=150, metadata={"Software": None})
    return file.getvalue()
