"""The form that queues a study from images that are in the store already."""

import streamlit as st

from data.errors import TastemakerError
from data.records import Aspect
from data.store import Store
from data.workspace import Workspace
from labeling_app.study_plan import LONGEST_NAME, PAPER, StudyPlan, default_name
from labeling_app.study_queue import (
    Stock,
    drawing_command,
    queue_from_stock,
    stock_for,
    study_of,
)
from labeling_app.study_words import QUESTIONS

_PAPER, _OWN = "The paper's human study", "Another"


def show(workspace: Workspace) -> None:
    """Ask which policies, and how; one click queues the paper's study."""
    store = workspace.store()
    names = [policy.name for policy in reversed(store.policies())]
    with st.expander("New study", expanded=not store.studies()):
        if len(names) < 2:
            st.write("A study needs two policies, and this workspace has one: tune it first.")
            return
        with st.container(horizontal=True):
            first = st.selectbox("Policy", names, key="study-a")
            second = st.selectbox("against", names, index=1, key="study-b")
        if first == second:
            st.write("Choose two policies.")
            return
        plan = _plan(default_name(first, second, None))
        stock = stock_for(store, first, second, plan)
        _offer(workspace, store, first, second, plan, stock)


def _plan(name: str) -> StudyPlan:
    how = st.radio("How", (_PAPER, _OWN), horizontal=True, key="study-how")
    if how == _PAPER:
        st.caption(
            f"{PAPER.num_images} images of each policy for each prompt, {PAPER.num_raters} raters "
            f"for each pair, asked for {' and '.join(QUESTIONS[a] for a in PAPER.aspects)}"
        )
        return PAPER
    own = StudyPlan()
    with st.container(horizontal=True):
        images = st.number_input("Images for each prompt", 1, 1000, own.num_images)
        raters = st.number_input("Raters for each pair", 1, 100, own.num_raters)
    asked = st.multiselect("Questions", list(Aspect), [*own.aspects], format_func=_question)
    aspects = tuple(Aspect(aspect) for aspect in asked) or own.aspects
    typed = st.text_input("Name", placeholder=name, max_chars=LONGEST_NAME, key="study-name")
    return StudyPlan(
        num_images=int(images),
        num_raters=int(raters),
        aspects=aspects,
        name=" ".join((typed or "").split()),
    )


def _question(aspect: Aspect) -> str:
    return QUESTIONS[aspect]


def _offer(
    workspace: Workspace, store: Store, first: str, second: str, plan: StudyPlan, stock: Stock
) -> None:
    """Offer to queue what is there, or say which command draws what is missing."""
    if stock.num_images < plan.num_images:
        st.write(
            f"{stock.num_images} of {plan.num_images} images that both policies drew alike are "
            "there for each prompt. This draws the others and queues the study:"
        )
        st.code(drawing_command(first, second, plan, workspace.root), language=None)
        return
    study = study_of(first, second, plan, stock)
    num_pairs = plan.num_images * len(stock.prompts)
    if st.button(f"Queue {num_pairs} pairs for people to rate", type="primary"):
        try:
            is_new = queue_from_stock(store, study, stock, plan.num_images)
            st.toast("Queued." if is_new else "It is there already.")
        except TastemakerError as error:
            st.error(str(error))
