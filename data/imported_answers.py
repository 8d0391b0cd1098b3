"""Imported answers: the keys by which they are known again, and when they come too late to stand.

The store's log is in order of arrival, and of a rater's answers to one question the last to arrive
stands. That is right for who answers in the app; an import brings what was said long ago. So an
imported answer that is older than what the rater has said of the question since, or taken back, is
put on record and withdrawn at once. Where a table tells no time, or not whose answer it is, arrival
decides, and of two answers of one time the later to arrive stands.
"""

from collections.abc import Sequence
from datetime import datetime

from data.files import canonical_json, sha256_of
from data.records import IMPORTED, Aspect, Comparison

Question = tuple[str, str, Aspect, bool]

_PREFIX = f"{IMPORTED}:"
_BY_ARRIVAL = "?"


def content_key(told: Sequence[object]) -> str:
    """Return what comparisons that tell the same have in common, in whichever round they are."""
    return _PREFIX + sha256_of(canonical_json(list(told)).encode())


def answer_key(content: str, *, by_time: bool) -> str:
    """Return the key to store a comparison under: it remembers whether time or arrival decides."""
    return content if by_time else content + _BY_ARRIVAL


def content_of(key: str) -> str:
    """Return the content that a key stands for."""
    return key.removesuffix(_BY_ARRIVAL)


def question(comparison: Comparison) -> Question:
    """Return what was asked of whom; the second time is a question of its own."""
    is_repeat = comparison.repeats is not None
    return comparison.rater_id, comparison.pair_id, comparison.aspect, is_repeat


def is_imported(comparison: Comparison) -> bool:
    """Whether it came from a table."""
    return comparison.idempotency_key.startswith(_PREFIX)


def known_time(comparison: Comparison) -> datetime | None:
    """Return when it was said; None where arrival decides."""
    by_arrival = comparison.idempotency_key.endswith(_BY_ARRIVAL)
    return None if by_arrival else comparison.created_at


def is_late(comparison: Comparison, newest: datetime | None) -> bool:
    """Whether it is an imported answer from before `newest`, of the rater's on the question."""
    if newest is None or not is_imported(comparison):
        return False
    said = known_time(comparison)
    return said is not None and said < newest
