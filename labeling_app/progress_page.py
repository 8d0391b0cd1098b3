"""The progress page: how far the round is, how far people agree, and how each of them rates."""

from collections.abc import Callable

import pandas as pd
import streamlit as st

from data.errors import TastemakerError
from data.store import Store
from labeling_app import frame
from labeling_app.hours_chart import hours_chart
from labeling_app.rating_report import RaterLine, RatingReport, report_on
from labeling_app.rating_words import agreement_words, share_words, side_words, win_words

_ABOUT = 0.1
"""Share to which raters are told how far a round is."""


def show(
    store: Store, *, is_admin: bool, on_back: Callable[[], None], on_studies: Callable[[], None]
) -> None:
    """Show the newest round; to who is no admin no more than about how far it is.

    An exact count would stand still where an answer only checked its rater, and tell gold by that.
    """
    with st.container(key="progress"):
        try:
            report = report_on(store)
        except TastemakerError as error:
            frame.show_problem(error)
            return
        _head(report, on_back, is_exact=is_admin)
        if is_admin and st.button("Studies", icon=":material/balance:"):
            on_studies()
        if not report.round:
            return
        if not report.raters:
            st.write("Nobody has compared a pair of this round yet.")
            return
        if is_admin:
            _figures(report)
            _wins(report)
            _hours(report)
            _raters(report.raters)


def _head(report: RatingReport, on_back: Callable[[], None], *, is_exact: bool) -> None:
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        st.subheader(f"Round {report.round}" if report.round else "No round yet", anchor=False)
        if st.button("Back to the pairs", icon=":material/arrow_back:"):
            on_back()
    if not report.round:  # studies alone, which have a page of their own
        return
    share = report.num_answered / report.num_seats if report.num_seats else 0.0
    if is_exact:
        said = f"{report.num_answered} of {report.num_seats} answers are there"
    else:
        share = round(share / _ABOUT) * _ABOUT
        said = f"About {share:.0%} of the answers are there"
    st.progress(min(1.0, share), text=said)


def _figures(report: RatingReport) -> None:
    st.table(
        {
            "Agreement": agreement_words(report),
            "Left side": side_words(report),
            "Choices": ", ".join(
                f"{count} {choice.replace('_', ' ')}"
                for choice, count in report.num_by_choice.items()
            ),
        },
        border="horizontal",
    )


def _wins(report: RatingReport) -> None:
    """For admins alone: raters are blind to which policy made what."""
    if report.wins:
        st.caption("Preferred to an older policy, ties counted half")
        st.write("; ".join(win_words(win) for win in report.wins))


def _hours(report: RatingReport) -> None:
    st.caption("Answers by the hour")
    st.altair_chart(hours_chart(report.by_hour, frame.text_colour()))


def _raters(lines: list[RaterLine]) -> None:
    st.caption("Raters")
    st.dataframe(pd.DataFrame([_row(line) for line in lines]), hide_index=True, width="stretch")


def _row(line: RaterLine) -> dict[str, str | int]:
    quality = line.quality
    milliseconds = quality.median_milliseconds
    return {
        "rater": line.name,
        "answers": quality.num,
        "skips": quality.num_skips,
        "median time": "" if milliseconds is None else f"{milliseconds / 1000:.1f} s",
        "left": share_words(quality.left),
        "ties": share_words(quality.ties),
        "agrees with others": share_words(quality.agreement),
        "with themselves": share_words(quality.consistency),
        "known answers": share_words(quality.gold),
        "too fast": share_words(quality.too_fast),
        "verdict": str(line.verdict),
    }
