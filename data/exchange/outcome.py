"""What an import changed: counted from the store, after it was recorded."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from data import rows
from data.records import Comparison, RaterKind
from data.store import Batch, Store


@dataclass(frozen=True, kw_only=True, slots=True)
class Imported:
    """What an import added and what was there already."""

    num_comparisons: int
    """Those that were added and stand."""
    num_known: int
    num_pairs: int
    by_kind: dict[RaterKind, int]
    """Of the comparisons that were added."""
    num_replacing: int
    """So many of them stand in place of what the same rater had said of the question before."""
    num_overtaken: int
    """Recorded beside those that were added; a newer answer of the same rater stands."""


def outcome_of(store: Store, batch: Batch, *, num_known: int, num_pairs: int) -> Imported:
    """Say what became of a batch that was added."""
    ids = [comparison.comparison_id for comparison in batch.comparisons]
    with store.reading() as connection:
        stored = rows.COMPARISONS.select(connection, comparison_id=ids)
        over = {each.supersedes for each in rows.COMPARISONS.select(connection, supersedes=ids)}
    beneath = {each.comparison_id: each.supersedes for each in stored}
    standing = [each for each in stored if each.comparison_id not in over]
    kind_of = {rater.rater_id: rater.kind for rater in batch.raters}
    kinds = Counter(kind_of[each.rater_id] for each in standing)
    return Imported(
        num_comparisons=len(standing),
        num_known=num_known,
        num_pairs=num_pairs,
        by_kind={kind: kinds[kind] for kind in RaterKind if kinds[kind]},
        num_replacing=sum(_is_replacing(each, beneath) for each in standing),
        num_overtaken=len(stored) - len(standing),
    )


def _is_replacing(answer: Comparison, beneath: Mapping[str, str | None]) -> bool:
    """Whether one that was there before lies beneath an answer, perhaps under others of now."""
    lower = answer.supersedes
    while lower is not None and lower in beneath:
        lower = beneath[lower]
    return lower is not None
