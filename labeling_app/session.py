"""Who this browser tab belongs to: kept in the session, and in the address for a refresh."""

import streamlit as st

from data.records import Rater
from data.store import Store
from labeling_app.raters import find_person

_KEY = "rater"


def current_rater(store: Store) -> Rater | None:
    """Return the rater of this tab, if they are known in this workspace."""
    name = st.session_state.get(_KEY) or st.query_params.get(_KEY)
    rater = find_person(store, name) if name else None
    if rater is not None:
        sign_in(rater)
    return rater


def sign_in(rater: Rater) -> None:
    """Remember the rater; the next run shows their page."""
    st.session_state[_KEY] = rater.name
    if st.query_params.get(_KEY) != rater.name:
        st.query_params[_KEY] = rater.name


def sign_out() -> None:
    """Forget the rater; the next run asks for a name."""
    st.session_state.pop(_KEY, None)
    st.query_params.pop(_KEY, None)
