"""The page before all others where accounts are asked for."""

import streamlit as st
from streamlit.errors import StreamlitAuthError

from data.errors import ConfigError
from data.records import Rater
from data.store import Store
from labeling_app import access
from labeling_app.raters import welcome


def rater_of_account(store: Store) -> Rater | None:
    """Return the rater who has logged in; None before that, and for who is not on the list."""
    account = access.account()
    return welcome(store, account) if account and access.is_welcome(account) else None


def show() -> None:
    """Ask to log in; who has, and is not on the list, is told so."""
    with st.container(key="start"):
        st.html(
            "<h1>Tastemaker</h1><p>Two images of one prompt: choose the better one."
            " The model learns from it.</p>"
        )
        account = access.account()
        if account is None:
            if st.button("Log in", type="primary", width="stretch"):
                _log_in()
            return
        st.text(f"{account} may not rate here. Ask who runs this page to add you to its raters.")
        st.button("Log out", on_click=st.logout, width="stretch")


def _log_in() -> None:
    try:
        st.login()
    except StreamlitAuthError as error:
        reason = str(error).strip().partition("\n")[0]
        raise ConfigError(f"logging in is set up wrongly: {reason}") from error
