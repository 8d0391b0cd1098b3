"""The studies page, for admins: what people prefer of two policies, and a new study."""

from collections.abc import Callable

import streamlit as st

from data.errors import TastemakerError
from data.questions import Study
from data.store import Store
from data.workspace import Workspace
from labeling_app import frame, study_form, study_tables
from labeling_app.study_report import StudyReport, kinds_in, report_on_study
from labeling_app.study_words import (
    QUESTIONS,
    agreement_words,
    progress_words,
    reach_words,
    side_words,
    title,
    whose,
)


def show(workspace: Workspace, *, on_back: Callable[[], None]) -> None:
    """Show all studies, the newest first, and the form for another one."""
    with st.container(key="studies"):
        try:
            store = workspace.store()
            _head(on_back)
            study_form.show(workspace)
            for study in reversed(store.studies()):
                _study(store, study)
        except TastemakerError as error:
            frame.show_problem(error)


def _head(on_back: Callable[[], None]) -> None:
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        st.subheader("Studies", anchor=False)
        if st.button("Back to the pairs", icon=":material/arrow_back:"):
            on_back()
    st.caption("Two policies compared blind: raters see neither their names nor this page.")


def _study(store: Store, study: Study) -> None:
    with st.container(border=True):
        with st.container(horizontal=True, horizontal_alignment="distribute"):
            st.text(title(study))
            _status_button(store, study)
        for kind in kinds_in(store, study.name):
            _report(report_on_study(store, study.name, kind))


def _status_button(store: Store, study: Study) -> None:
    is_open = study.status == "open"
    st.button(
        "Close" if is_open else "Reopen",
        key=f"status-{study.name}",
        on_click=lambda: store.set_study_status(study.name, "closed" if is_open else "open"),
    )


def _report(report: StudyReport) -> None:
    share = report.num_answers / report.num_wanted if report.num_wanted else 0.0
    st.progress(min(1.0, share), text=progress_words(report))
    if not report.num_answers:
        return
    st.caption(
        f"{report.study.policy_a} preferred to {report.study.policy_b} by {whose(report.kind)}, "
        "ties half, with 95 % intervals"
    )
    study_tables.chart(report)
    for result in report.results:
        st.text(
            f"{QUESTIONS[result.aspect]}: {reach_words(result.whole)}; "
            f"{side_words(result.left)}; {agreement_words(result.agreement)}"
        )
    study_tables.table(report)
