"""The page script: opens the workspace, asks who is rating, and shows the pages.

Streamlit runs this file again at every page load; what lasts is in the store and on the desks.
"""

import sys

import streamlit as st

from data.errors import TastemakerError
from data.records import Rater
from data.workspace import Workspace
from labeling_app import (
    access,
    frame,
    gallery_page,
    login_page,
    progress_page,
    rate_page,
    session,
    start_page,
    studies_page,
)
from labeling_app.settings import workspace_root


def main() -> None:
    """Show the page that is due, or the one line that says why there is none."""
    st.set_page_config(page_title="Tastemaker", page_icon="⚖️", layout="wide")
    frame.set_style()
    try:
        workspace = Workspace.open(workspace_root(sys.argv[1:]))
        store = workspace.store()
        with_accounts = access.is_login_required()
        current_rater = login_page.rater_of_account if with_accounts else session.current_rater
        rater = current_rater(store)
        if rater is None:
            first = login_page.show if with_accounts else lambda: start_page.show(store)
            start = st.Page(first, title="Start", url_path="start")
            st.navigation([start], position="hidden").run()
        else:
            _show_pages(workspace, rater)
    except TastemakerError as error:
        frame.show_problem(error)


def _show_pages(workspace: Workspace, rater: Rater) -> None:
    is_admin = access.is_admin(rater.name)

    def rate() -> None:
        rate_page.show(
            workspace,
            rater,
            on_progress=lambda: st.switch_page(progress_shown),
            on_gallery=(lambda: st.switch_page(gallery_shown)) if is_admin else None,
        )

    def progress() -> None:
        progress_page.show(
            workspace.store(),
            is_admin=is_admin,
            on_back=lambda: st.switch_page(rate_shown),
            on_studies=lambda: st.switch_page(studies_shown),
        )

    def gallery() -> None:
        gallery_page.show(workspace, on_back=lambda: st.switch_page(rate_shown))

    def studies() -> None:
        studies_page.show(workspace, on_back=lambda: st.switch_page(rate_shown))

    rate_shown = st.Page(rate, title="Rate", url_path="rate", default=True)
    progress_shown = st.Page(progress, title="Progress", url_path="progress")
    gallery_shown = st.Page(gallery, title="Gallery", url_path="gallery")
    studies_shown = st.Page(studies, title="Studies", url_path="studies")
    for_admins = [gallery_shown, studies_shown] if is_admin else []
    st.navigation([rate_shown, progress_shown, *for_admins], position="hidden").run()


main()
