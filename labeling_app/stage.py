"""The stage: the component that shows a pair in the browser and sends back presses.

It is one component rather than Streamlit's own widgets because a press must name the very showing
it was made on, images must swap together with their prompt and only once decoded, and a held key
must be dropped before it leaves the browser.
"""

from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from streamlit.components.v2 import component
from streamlit.components.v2.types import ComponentRenderer

from labeling_app.access import image_url
from labeling_app.actions import ACTIONS, ASKED, TOOLS
from labeling_app.cards import Card
from labeling_app.desk import View
from labeling_app.ending import Ending
from labeling_app.presses import MIN_GAP_S
from labeling_app.progress import describe, title

KEY = "stage"
_SCRIPTS = ("loupe.js", "help.js", "stage.js")
TOO_FAST = "That was too quick to count: have a look first."


def stage_data(
    view: View, ending: Ending, *, rater: str, notice: str, answer: int, has_gallery: bool
) -> dict[str, Any]:
    """Say what the browser shows; nothing in it tells which policy made an image.

    `answer` changes with every press that was dealt with, so that the stage takes the next one.
    """
    return {
        "token": view.token,
        "pair": _shown(view.card) if view.card else None,
        "ahead": [_shown(card) for card in view.ahead],
        "ending": None if view.card else asdict(ending),
        "title": title(view.progress),
        "fraction": view.progress.fraction,
        "progress": describe(view.progress),
        "actions": [asdict(action) for action in ACTIONS],
        "tools": [asdict(tool) for tool in TOOLS],
        "min_gap_ms": round(1000 * MIN_GAP_S),
        "too_fast": TOO_FAST,
        "rater": rater,
        "has_gallery": has_gallery,
        "notice": notice,
        "answer": answer,
    }


def _shown(card: Card) -> dict[str, str]:
    return {
        "asked": ASKED[card.question.aspect],
        "prompt": card.prompt,
        "left": image_url(card.left_sha256),
        "right": image_url(card.right_sha256),
    }


def show_stage(
    data: dict[str, Any],
    *,
    on_press: Callable[[], None],
    on_leave: Callable[[], None],
    on_again: Callable[[], None],
    on_progress: Callable[[], None],
    on_gallery: Callable[[], None],
) -> None:
    """Put the stage on the page; what was pressed arrives as `st.session_state[KEY]["press"]`."""
    _component()(
        key=KEY,
        data=data,
        on_press_change=on_press,
        on_leave_change=on_leave,
        on_again_change=on_again,
        on_progress_change=on_progress,
        on_gallery_change=on_gallery,
    )


@cache
def _component() -> ComponentRenderer:
    here = Path(__file__)
    return component(
        "tastemaker.stage",
        css=here.with_name("stage.css").read_text(encoding="utf-8"),
        js="\n".join(here.with_name(n).read_text(encoding="utf-8") for n in _SCRIPTS),
    )
