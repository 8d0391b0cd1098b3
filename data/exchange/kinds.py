"""The one column that we add to every format: what kind of rater it was."""

from data.exchange.cells import Row
from data.exchange.record import ExchangedComparison
from data.records import RaterKind

_KINDS = {kind.value: kind for kind in RaterKind}


def rater_kind(row: Row) -> RaterKind | None:
    """Return the kind that a row tells; None where it tells none."""
    return row.word("rater_kind", _KINDS) if row.has("rater_kind") else None


def kind_cell(comparison: ExchangedComparison) -> str | None:
    """Return the kind as a cell."""
    return None if comparison.rater_kind is None else comparison.rater_kind.value
