"""What all formats are read into and written from."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from data.records import Aspect, RaterKind, Split

ImageSource = bytes | str
"""An image's bytes, or the path of its file below the folder of its table."""


class Preference(StrEnum):
    """What was said of a pair, in terms of its images and not of sides."""

    A = "a"
    B = "b"
    TIE = "tie"
    BOTH_BAD = "both_bad"
    SKIP = "skip"


@dataclass(frozen=True, kw_only=True, slots=True)
class ExchangedComparison:
    """One comparison, or a pair that still waits for one."""

    row: int
    """Number of its row in the table, from 1, for messages."""
    prompt: str
    image_a: ImageSource
    image_b: ImageSource
    policy_a: str | None = None
    """Name of the image model, None where the format has none; `policy_b` too."""
    policy_b: str | None = None
    preference: Preference | None
    """None for a pair that nobody has judged yet."""
    a_is_left: bool | None = None
    """None where the format does not tell the side."""
    rater: str | None = None
    """None where the format does not tell who it was."""
    rater_kind: RaterKind | None = None
    """None where the table does not tell."""
    aspect: Aspect = Aspect.OVERALL
    milliseconds: int = 0
    """0 where the format does not tell."""
    created_at: datetime | None = None
    """Naive UTC."""
    own_id: str = ""
    """What the format itself tells comparisons apart by."""
    comparison_id: str | None = None
    """What it is known by here, or where it was exported; None where the table does not tell."""
    family: str = ""
    split: Split | None = None
