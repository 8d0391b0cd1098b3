"""What a rater can do, with its keys: the one place that buttons, help and tests read.

No key is C or R, which Streamlit keeps for itself.
"""

from dataclasses import dataclass
from typing import Literal

from data.records import Aspect, Choice

ASKED = {
    Aspect.OVERALL: "Which image is better for",
    Aspect.ALIGNMENT: "Which image shows more of what is asked for, however well it is drawn",
    Aspect.QUALITY: "Which image is the better picture, whatever it was asked to show",
}
"""The question above a pair; its prompt stands below it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Action:
    """A choice as the rate page offers it."""

    choice: Choice
    label: str
    sign: str
    """What the button shows as its key."""
    keys: tuple[str, ...]
    """`KeyboardEvent.key` values, in lower case."""
    meaning: str


ACTIONS = (
    Action(
        choice=Choice.LEFT,
        label="Left",
        sign="←",
        keys=("arrowleft", "1"),
        meaning="The left image is better; a click on it says the same",
    ),
    Action(
        choice=Choice.TIE,
        label="Tie",
        sign="↑",
        keys=("arrowup", "t"),
        meaning="Both are equally good",
    ),
    Action(
        choice=Choice.BOTH_BAD,
        label="Both bad",
        sign="↓",
        keys=("arrowdown", "b"),
        meaning="Neither shows what the prompt asks for",
    ),
    Action(
        choice=Choice.RIGHT,
        label="Right",
        sign="→",
        keys=("arrowright", "2"),
        meaning="The right image is better; a click on it says the same",
    ),
    Action(
        choice=Choice.SKIP,
        label="Skip",
        sign="S",
        keys=("s",),
        meaning="Leave this pair out; it teaches nothing and does not come back",
    ),
    Action(
        choice=Choice.UNDO,
        label="Undo",
        sign="Z",
        keys=("z", "u", "backspace"),
        meaning="Take back your last answer and see that pair again",
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Tool:
    """A way to look closer; it answers nothing."""

    name: Literal["flip", "closer", "farther", "whole"]
    sign: str
    keys: tuple[str, ...]
    meaning: str


TOOLS = (
    Tool(
        name="flip",
        sign="F",
        keys=("f",),
        meaning="Show one image in the place of the other, by turns; Esc shows both again",
    ),
    Tool(
        name="closer",
        sign="+",
        keys=("+", "="),
        meaning="Look closer at both, as the wheel does; drag to move them",
    ),
    Tool(name="farther", sign="-", keys=("-",), meaning="Look from farther away"),
    Tool(name="whole", sign="0", keys=("0",), meaning="See both images whole"),
)
