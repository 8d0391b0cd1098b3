"""The gallery: a policy's images beside another's at the same prompts and seeds, for admins alone.

It shows what is in the store and draws nothing. Images that people are still to compare are left
out, because whoever looks may be one of them.
"""

import shlex
from collections.abc import Callable, Iterable
from pathlib import Path

import streamlit as st

from data.errors import TastemakerError
from data.records import RaterKind
from data.store import Store
from data.workspace import Workspace
from labeling_app import frame
from labeling_app.gallery_html import row_html
from labeling_app.next_command import typed
from labeling_app.side_by_side import Row, awaited, chosen, side_by_side

_ROWS = 8
"""Prompts shown at first, and how many each press on "More" adds."""
_SEEDS = (4, 8, 16)
_NUM = "gallery_rows"
_ALL = "all"
_WIDTH = 170


def show(workspace: Workspace, *, on_back: Callable[[], None]) -> None:
    """Show the newest policy beside the base, or the two that are chosen."""
    st.html(Path(__file__).with_name("gallery.css"))
    with st.container(key="gallery"):
        try:
            _head(on_back)
            _policies(workspace, workspace.store())
        except TastemakerError as error:
            frame.show_problem(error)


def _head(on_back: Callable[[], None]) -> None:
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        st.subheader("Gallery", anchor=False)
        if st.button("Back to the pairs", icon=":material/arrow_back:"):
            on_back()


def _policies(workspace: Workspace, store: Store) -> None:
    names = [policy.name for policy in store.policies()]
    if len(names) < 2:
        st.write("There is one policy so far. A round tunes the next one from it:")
        st.code(typed("round", workspace.root), language=None)
        return
    left, right = names[0], names[-1]
    if len(names) > 2:
        with st.container(horizontal=True):
            left = st.selectbox("Policy on the left", names, width=_WIDTH)
            others = [name for name in reversed(names) if name != left]
            right = st.selectbox("Policy on the right", others, width=_WIDTH)
    rows = _rows(store, left, right)
    if rows:
        _browse(rows)
    else:
        st.write("No image of theirs has prompt and seed in common yet. This draws some:")
        st.code(typed(shlex.join(["compare", left, right]), workspace.root), language=None)


def _rows(store: Store, left: str, right: str) -> list[Row]:
    return side_by_side(
        store.prompts(),
        store.images(policy=left),
        store.images(policy=right),
        kept_back=awaited(
            store.served_pairs(store.newest_round()), store.comparisons(kind=RaterKind.PERSON)
        ),
    )


@st.fragment
def _browse(rows: list[Row]) -> None:
    """Show the first rows; others, or more, are chosen without reading the store again."""
    with st.container(horizontal=True):
        family = _choose("Prompt family", [row.prompt.family for row in rows])
        split = _choose("Split", [row.prompt.split for row in rows])
        num_seeds = _choose_num_seeds(max(len(row.couples) for row in rows))
    found = chosen(rows, family=family, split=split)
    num = st.session_state.get(_NUM, _ROWS)
    for row in found[:num]:
        st.html(row_html(row, num_seeds))
    if len(found) > num:
        st.button(f"More: {len(found) - num} prompts are left", on_click=_more, width="stretch")


def _choose(label: str, values: Iterable[str]) -> str | None:
    """Offer the values that there are; None is all of them."""
    options = [value for value in dict.fromkeys(values) if value]
    if len(options) < 2:
        return None
    picked = st.selectbox(label, [_ALL, *options], width=_WIDTH)
    return None if picked == _ALL else picked


def _choose_num_seeds(most: int) -> int:
    options = sorted({min(num, most) for num in _SEEDS})
    return options[0] if len(options) < 2 else st.selectbox("Seeds", options, width=_WIDTH)


def _more() -> None:
    st.session_state[_NUM] = st.session_state.get(_NUM, _ROWS) + _ROWS
