"""What all pages share: their style, and how a problem is shown."""

from pathlib import Path

import streamlit as st

from data.errors import TastemakerError


def set_style() -> None:
    """Give the whole window to the page."""
    st.html(Path(__file__).with_name("frame.css"))


def show_problem(error: TastemakerError) -> None:
    """Show an error as the one line it is, with a way on once it is mended."""
    with st.container(key="problem"):
        st.markdown("### This workspace cannot be shown")
        st.text(str(error))
        st.button("Look again", icon=":material/refresh:", type="primary")


def text_colour() -> str:
    """Return the page's, for charts: Streamlit's own there is too pale to read easily (WCAG AA)."""
    theme = st.context.theme.type or "light"
    return str(st.get_option(f"theme.{theme}.textColor"))
