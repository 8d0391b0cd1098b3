"""The start page: a name is all that is asked for."""

import re

import streamlit as st

from data.errors import TastemakerError
from data.records import Rater, RaterKind
from data.store import Store
from labeling_app.actions import ACTIONS
from labeling_app.raters import LONGEST_NAME, people, welcome
from labeling_app.session import sign_in

_MOST_SHOWN = 12


def show(store: Store) -> None:
    """Ask who is rating, offering those who have rated here before."""
    with st.container(key="start"):
        st.html(
            "<h1>Tastemaker</h1><p>Two images of one prompt: choose the better one."
            f" The model learns from it.</p><p class='quiet'>{_waiting(store)}</p>"
        )
        _ask_for_name(store)
        _offer_known(people(store))
        keys = "".join(f"<span><kbd>{a.sign}</kbd> {a.label}</span>" for a in ACTIONS)
        st.html(f"<p class='keys'>{keys}</p>")


def _waiting(store: Store) -> str:
    newest = store.newest_round()
    if not newest:
        is_study_open = any(study.status == "open" for study in store.studies())
        return "A study is waiting." if is_study_open else "No pairs are waiting yet."
    found = store.round_progress(newest, kind=RaterKind.PERSON)
    return f"Round {newest}: people have compared {found.num_compared} of {found.num_pairs} pairs."


def _ask_for_name(store: Store) -> None:
    with st.form("name", border=False):
        typed = st.text_input(
            "Your name", value=st.query_params.get("rater", ""), max_chars=LONGEST_NAME
        )
        is_sent = st.form_submit_button("Start comparing", type="primary", width="stretch")
    if not is_sent:
        return
    try:
        rater = welcome(store, typed)
    except TastemakerError as error:
        st.error(str(error))
        return
    sign_in(rater)
    st.rerun()


def _offer_known(known: list[Rater]) -> None:
    if not known:
        return
    st.caption("Or go on as")
    with st.container(horizontal=True, gap="small"):
        for rater in known[:_MOST_SHOWN]:
            st.button(
                _as_plain_text(rater.name),
                key=f"as-{rater.rater_id}",
                on_click=sign_in,
                args=(rater,),
            )


def _as_plain_text(name: str) -> str:
    """Escape what a label would read as Markdown: ASCII's punctuation, the underscore too."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", name)
