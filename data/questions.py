"""What people are asked: questions about pairs, who sits at them for how long, and studies."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from data.records import Aspect, Pair, utc_now

StudyStatus = Literal["open", "closed"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """One aspect of one pair, for one rater to answer with one press."""

    pair: Pair
    aspect: Aspect
    repeats: str | None = None
    """The comparison id of the rater's first answer, where it is asked again, sides swapped."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Lease:
    """A pair is kept for a rater until then; a later event changes until when."""

    pair_id: str
    rater_id: str
    until: datetime
    created_at: datetime = field(default_factory=utc_now)


@dataclass(frozen=True, kw_only=True, slots=True)
class Seats:
    """How many people's judgements are asked for, and how many others than one rater have given.

    A person's judgement of a pair is one, however many questions are asked about it.
    """

    num: int
    num_taken_by_others: int
    num_checks: int = 0
    """Judgements asked of the rater, or of whoever sits at a pair, that check raters only: each
    gold pair is one, and so is each seat at a pair that is asked again."""
    num_checks_by_others: int = 0
    """Pairs that others have judged for the second time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Study:
    """A blind comparison of two policies; a later event of the same name closes it."""

    name: str
    """Never shown to raters: it may tell of the policies."""
    policy_a: str
    policy_b: str
    aspects: tuple[Aspect, ...] = (Aspect.OVERALL,)
    num_raters: int = 1
    """How many people are to judge each pair."""
    detail: dict[str, Any] = field(default_factory=dict)
    """How it was asked for: prompt set, split, images for each prompt and so on."""
    status: StudyStatus = "open"
    created_at: datetime = field(default_factory=utc_now)
