"""The page script: opens the workspace, asks who is rating, and shows the pages.

Streamlit runs this file again at every page load; what lasts is in the store and on the desks.
"""

import sys

import streamlit as st

from data.errors import TastemakerError
from data.workspace import Workspace
from labeling_app import frame, rate_page, session, start_page
from labeling_app.settings import workspace_root


def main() -> None:
    """Show the page that is due, or the one line that says why there is none."""
    st.set_page_config(page_title="Tastemaker", page_icon="⚖️", layout="wide")
    frame.set_style()
    try:
        workspace = Workspace.open(workspace_root(sys.argv[1:]))
        store = workspace.store()
        rater = session.current_rater(store)
        if rater is None:
            start = st.Page(lambda: start_page.show(store), title="Start", url_path="start")
            st.navigation([start], position="hidden").run()
        else:
            rate = st.Page(lambda: rate_page.show(workspace, rater), title="Rate", url_path="rate")
            st.navigation([rate], position="hidden").run()
    except TastemakerError as error:
        frame.show_problem(error)


main()
