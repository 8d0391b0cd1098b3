"""A chart of who gave how many answers in which hour."""

from collections.abc import Mapping
from datetime import datetime

import altair as alt
import pandas as pd

_HEIGHT = 280


def hours_chart(by_hour: Mapping[tuple[datetime, str], int], text_colour: str) -> alt.Chart:
    """Stack the answers of an hour by rater; hours without any are left out.

    Args:
        by_hour: Answers by hour and rater's name.
        text_colour: The page's.
    """
    hours = list(dict.fromkeys(_label(hour) for hour, _ in sorted(by_hour)))
    rows = [
        {"hour": _label(hour), "rater": name, "answers": count}
        for (hour, name), count in sorted(by_hour.items())
    ]
    # A label is two lines, the hour above its day; where there is no room, some are left out.
    labels = alt.Axis(
        labelExpr="split(datum.label, '|')",
        labelAngle=0,
        labelOverlap="greedy",
        labelColor=text_colour,
        title=None,
    )
    counts = alt.Axis(tickMinStep=1, format="d", labelColor=text_colour, title=None)
    names = alt.Legend(
        orient="bottom", columns=3, offset=0, padding=0, labelColor=text_colour, title=None
    )
    return (
        alt.Chart(pd.DataFrame(rows), height=_HEIGHT)
        .mark_bar(size=28)
        .encode(
            x=alt.X("hour:N", sort=hours, axis=labels),
            y=alt.Y("answers:Q", axis=counts),
            color=alt.Color("rater:N", legend=names),
            tooltip=["hour", "rater", "answers"],
        )
    )


def _label(hour: datetime) -> str:
    return f"{hour:%H:00|%d %b}"
