"""The rate page: one pair after another, until nothing is left to compare."""

from collections.abc import Callable

import streamlit as st

from data.errors import TastemakerError
from data.records import Rater
from data.workspace import Workspace
from labeling_app import frame
from labeling_app.access import is_login_required
from labeling_app.desk import Desk, Outcome, desk_of
from labeling_app.ending import ending
from labeling_app.presses import Press
from labeling_app.session import sign_out
from labeling_app.stage import KEY, TOO_FAST, show_stage, stage_data

LINGER_S = 0.25
"""How long the store stays open after an answer, for the look-ups that follow it and other raters'
answers: opening it is most of an answer's work."""

_SAID = {
    Outcome.RECORDED: "",
    Outcome.UNDONE: "Taken back: here is that pair again.",
    Outcome.NOTHING_TO_UNDO: "There is nothing to undo.",
    Outcome.TOO_FAST: TOO_FAST,
    Outcome.TAKEN: "Others have answered that pair meanwhile: here is the next one.",
    Outcome.UNDONE_AND_TAKEN: "Taken back; others have answered that pair since.",
    Outcome.STALE: "",
}


def show(
    workspace: Workspace,
    rater: Rater,
    *,
    on_progress: Callable[[], None],
    on_gallery: Callable[[], None] | None,
) -> None:
    """Show the pair on the rater's desk; a press draws only the stage anew.

    Who may not see the gallery has no `on_gallery`.
    """
    store = workspace.store(linger_s=LINGER_S)
    _pairs(workspace, desk_of(store, rater), on_progress, on_gallery)


@st.fragment
def _pairs(
    workspace: Workspace,
    desk: Desk,
    on_progress: Callable[[], None],
    on_gallery: Callable[[], None] | None,
) -> None:
    if st.session_state.pop("whole_page", False):
        st.rerun()
    if st.session_state.pop("to_progress", False):
        on_progress()
    if st.session_state.pop("to_gallery", False) and on_gallery:
        on_gallery()
    try:
        view = desk.view()
        if view.card is None:
            desk.refill()
            view = desk.view()
        data = stage_data(
            view,
            ending(view.progress, desk.rater.name, workspace.root),
            rater=desk.rater.name,
            notice=st.session_state.get("notice", ""),
            answer=st.session_state.get("answer", 0),
            has_gallery=on_gallery is not None,
        )
        show_stage(
            data,
            on_press=lambda: _press(desk),
            on_leave=_leave,
            on_again=_look_again,
            on_progress=_look_at_progress,
            on_gallery=_look_at_gallery,
        )
        desk.refill()
    except TastemakerError as error:
        frame.show_problem(error)


def _press(desk: Desk) -> None:
    """Deal with what the browser sent; an error leaves the pair where it is."""
    press = Press.parse(st.session_state[KEY]["press"])
    try:
        notice = _SAID[desk.press(press)] if press else ""
    except TastemakerError as error:
        notice = f"Not saved, please answer again. {error}"
    st.session_state["notice"] = notice
    st.session_state["answer"] = st.session_state.get("answer", 0) + 1


def _leave() -> None:
    if is_login_required():
        st.logout()
    sign_out()
    st.session_state.pop("notice", None)
    st.session_state["whole_page"] = True


def _look_again() -> None:
    st.session_state["whole_page"] = True


def _look_at_progress() -> None:
    st.session_state["to_progress"] = True


def _look_at_gallery() -> None:
    st.session_state["to_gallery"] = True
