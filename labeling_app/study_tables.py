"""A study's figures as a chart of points with intervals, and as a table by prompt."""

from typing import Any

import pandas as pd
import streamlit as st

from labeling_app.frame import text_colour
from labeling_app.study_report import AspectResult, Part, StudyReport
from labeling_app.study_words import COLUMNS, QUESTIONS, cells

_ROW_HEIGHT = 34
_AXIS_HEIGHT = 56
_COLOR = "#3b62d3"
_HALF = {
    "mark": {"type": "rule", "strokeDash": [4, 4], "color": "#888888"},
    "encoding": {"x": {"datum": 50}},
}


def chart(report: StudyReport) -> None:
    """Draw the win rate of each question, and of each family, around one half."""
    rows = [
        _point(result, part)
        for result in report.results
        for part in (result.whole, *result.families)
        if part.rate is not None
    ]
    if rows:
        st.vega_lite_chart(pd.DataFrame(rows), _spec(rows, text_colour()), width="stretch")


def _point(result: AspectResult, part: Part) -> dict[str, Any]:
    assert part.rate is not None
    name = QUESTIONS[result.aspect]
    low, high = part.rate.low, part.rate.high
    return {
        "question": name if part is result.whole else f"{name}, {part.name}",
        "win rate": 100 * part.rate.value,
        "low": None if low is None else 100 * low,
        "high": None if high is None else 100 * high,
    }


def _spec(rows: list[dict[str, Any]], colour: str) -> dict[str, Any]:
    order = [row["question"] for row in rows]
    along: dict[str, Any] = {
        "type": "quantitative",
        "scale": {"domain": [0, 100]},
        "axis": {"title": "preferred, %", "values": [0, 25, 50, 75, 100]},
    }
    across = {
        "field": "question",
        "type": "nominal",
        "sort": order,
        "axis": {"title": None, "labelLimit": 320},
    }
    shown = [{"field": name, "format": ".0f"} for name in ("win rate", "low", "high")]
    interval = {"x": {"field": "low"} | along, "x2": {"field": "high"}, "y": across}
    point = {"x": {"field": "win rate"} | along, "y": across, "tooltip": shown}
    return {
        "config": {"axis": {"labelColor": colour, "titleColor": colour}},
        "height": _ROW_HEIGHT * len(rows) + _AXIS_HEIGHT,
        "layer": [
            _HALF,
            {"mark": {"type": "rule", "strokeWidth": 2, "color": _COLOR}, "encoding": interval},
            {"mark": {"type": "circle", "size": 110, "color": _COLOR}, "encoding": point},
        ],
    }


def table(report: StudyReport) -> None:
    """List every prompt's figures under those of the whole."""
    rows = [
        {"question": QUESTIONS[result.aspect], "prompt": part.name}
        | dict(zip(COLUMNS, cells(part), strict=True))
        for result in report.results
        for part in (result.whole, *result.prompts)
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, width="stretch")
