"""The report's plots: bars and dots with intervals, and curves."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from feedback_loop.report.svg import INK, RULE, as_svg, figure


@dataclass(frozen=True, slots=True)
class Series:
    """Values with intervals under one name and colour; a value may be unknown."""

    name: str
    colour: str
    values: Sequence[float | None]
    intervals: Sequence[Sequence[float] | None]


def bars(groups: Sequence[str], series: Sequence[Series], *, divide_before: int | None) -> str:
    """Draw shares in groups of bars with whiskers; a rule stands before one of the groups."""
    with figure(7.6, 3.1) as (made, (axes,)):
        width = 0.78 / len(series)
        for place, each in enumerate(series):
            lefts = [
                group + (place - (len(series) - 1) / 2) * width for group in range(len(groups))
            ]
            heights = [value or 0 for value in each.values]
            axes.bar(lefts, heights, width * 0.9, color=each.colour, label=each.name)
            for left, value, interval in zip(lefts, each.values, each.intervals, strict=True):
                _whisker(axes, left, value, interval)
        if divide_before is not None:
            axes.axvline(divide_before - 0.5, color=RULE, linewidth=0.8, linestyle=(0, (2, 3)))
        axes.set_xticks(range(len(groups)), groups)
        axes.tick_params(axis="x", length=0, labelcolor=INK)
        _share_axis(axes)
        axes.set_ylim(0, 1.08)
        axes.legend(
            loc="lower right",
            bbox_to_anchor=(1, 1),
            ncols=len(series),
            handlelength=0.9,
        )
        return as_svg(made, "Share of images that meet their prompt")


def _whisker(
    axes: Axes, place: float, value: float | None, interval: Sequence[float] | None
) -> None:
    if value is None:
        return
    top = value
    if interval is not None:
        axes.plot([place, place], interval, color=INK, linewidth=1, solid_capstyle="butt")
        top = max(value, interval[1])
    axes.text(place, top + 0.02, f"{100 * value:.0f}", ha="center", color=INK)


def dots(groups: Sequence[str], series: Sequence[Series]) -> str:
    """Draw shares as dots with intervals, two to a group, with chance marked at one half."""
    with figure(7.6, 0.9 + 0.62 * len(groups)) as (made, (axes,)):
        for place, each in enumerate(series):
            for row, (value, interval) in enumerate(zip(each.values, each.intervals, strict=True)):
                if value is None:
                    continue
                is_first = all(above.values[row] is None for above in series[:place])
                height = -row + (0.13 if is_first else -0.13)
                if interval is not None:
                    axes.plot(interval, [height] * 2, color=each.colour, linewidth=2.4, alpha=0.45)
                axes.plot(value, height, "o", color=each.colour, markersize=7)
                axes.annotate(
                    f"{100 * value:.0f}",
                    (max(value, interval[1] if interval else value), height),
                    xytext=(7, 0),
                    textcoords="offset points",
                    va="center",
                )
            if any(value is not None for value in each.values):
                axes.plot([], [], "o", color=each.colour, label=each.name)
        axes.axvline(0.5, color=RULE, linewidth=0.8, linestyle=(0, (2, 3)))
        axes.set_yticks([-row for row in range(len(groups))], groups)
        axes.tick_params(axis="y", length=0, labelcolor=INK)
        axes.spines["left"].set_visible(False)
        axes.set_ylim(-len(groups) + 0.45, 0.55)
        left = min(0.35, _lowest(series) - 0.05)
        axes.set_xlim(left, 1.04)
        axes.set_xticks([tenth / 10 for tenth in range(11) if tenth / 10 >= left])
        axes.xaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f}%")
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=len(series))
        return as_svg(made, "Share of pairs ordered as the truth does")


def _lowest(series: Sequence[Series]) -> float:
    """Return the lowest value or end of an interval, 1 where there is none."""
    values = [value for each in series for value in each.values]
    ends = [interval[0] for each in series for interval in each.intervals if interval is not None]
    return min([value for value in values if value is not None] + ends, default=1.0)


@dataclass(frozen=True, slots=True)
class Curve:
    """A number per iteration of one run."""

    name: str
    colour: str
    values: Sequence[float]


def curves(panels: Sequence[tuple[str, Sequence[Curve]]]) -> str:
    """Draw panels side by side: each number faint as it was, and in full as it moved on average."""
    with figure(7.6, 2.6, columns=len(panels)) as (made, all_axes):
        for axes, (title, lines) in zip(all_axes, panels, strict=True):
            for line in lines:
                iterations = range(1, len(line.values) + 1)
                axes.plot(iterations, line.values, color=line.colour, linewidth=1, alpha=0.3)
                axes.plot(
                    iterations,
                    smoothed(line.values),
                    color=line.colour,
                    linewidth=1.8,
                    label=line.name,
                )
            axes.set_title(title, loc="left", color=INK)
            axes.set_xlabel("iteration")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.grid(axis="y", color=RULE, linewidth=0.6)
            axes.spines["left"].set_visible(False)
            axes.tick_params(length=0)
            if len(lines) > 1:
                axes.legend(loc="best")
        return as_svg(made, "Reward and KL per iteration")


def smoothed(values: Sequence[float], width: int = 5) -> list[float]:
    """Return the mean over the `width` values around each."""
    half = width // 2
    windows = [values[max(0, at - half) : at + half + 1] for at in range(len(values))]
    return [math.fsum(window) / len(window) for window in windows]


def _share_axis(axes: Axes) -> None:
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f}%")
    axes.grid(axis="y", color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
