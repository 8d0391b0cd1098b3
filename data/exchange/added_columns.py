"""The columns that we add to every format: what kind of rater it was, and which comparison."""

import re
from collections.abc import Sequence

from data.exchange.cells import Row
from data.exchange.record import ExchangedComparison
from data.records import RaterKind

_KINDS = {kind.value: kind for kind in RaterKind}
_ID = re.compile("[0-9a-f]{16}")


def rater_kind(row: Row) -> RaterKind | None:
    """Return the kind that a row tells; None where it tells none."""
    return row.word("rater_kind", _KINDS) if row.has("rater_kind") else None


def kind_cell(comparison: ExchangedComparison) -> str | None:
    """Return the kind as a cell."""
    return None if comparison.rater_kind is None else comparison.rater_kind.value


def comparison_id(row: Row) -> str | None:
    """Return the id that the comparison has where it was exported; None where a row tells none."""
    return _as_id(row, row.cells.get("comparison_id"))


def comparison_ids(row: Row, number: int) -> Sequence[str | None]:
    """Return the ids of the comparisons that one row sums up."""
    if not row.has("comparison_id"):
        return [None] * number
    return [_as_id(row, each) for each in row.items("comparison_id", number)]


def _as_id(row: Row, value: object) -> str | None:
    if value in (None, ""):
        return None
    if not isinstance(value, str) or not _ID.fullmatch(value):
        row.fail(
            "column 'comparison_id': expected 16 digits of 0-9 and a-f, as `tastemaker export`"
            f" writes them, got {value!r:.60}; rename the column if it tells something else"
        )
    return value
