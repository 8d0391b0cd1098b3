"""Comparisons of a workspace's own pairs as a table: out, and in again on the same pairs.

Without images, for copies of one workspace: the columns are a snapshot's, and the rater's name.
"""

import csv
import dataclasses
import io
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

from data.errors import ExchangeError, StoreError
from data.exchange.cells import Row
from data.exchange.checks import LONGEST_NAME, check_text
from data.exchange.gathering import choice_of
from data.exchange.importing import alone, naming
from data.exchange.known import known_in
from data.exchange.outcome import Imported, outcome_of
from data.exchange.reading import read_rows
from data.exchange.record import Preference
from data.files import digest, write_atomically
from data.imported_answers import answer_key, content_key
from data.json_lines import write_json_lines
from data.records import Aspect, Comparison, Rater, RaterKind
from data.snapshot import Snapshot, SnapshotRow, take_snapshot
from data.store import Batch, Store
from data.workspace import Workspace

SUFFIXES = (".csv", ".jsonl", ".parquet")
_CHOICES = {preference.value: preference for preference in Preference}
_KINDS = {kind.value: kind for kind in RaterKind}
_ASPECTS = {aspect.value: aspect for aspect in Aspect}


def export_own(workspace: Workspace, file: Path, kind: RaterKind | None = None) -> Snapshot:
    """Write current comparisons, of one kind of rater where asked; return them as a snapshot."""
    _check_suffix(file)
    snapshot = take_snapshot(workspace, kinds=None if kind is None else [kind])
    names = {rater.rater_id: rater.name for rater in workspace.store().raters()}
    rows = [_as_cells(row) | {"rater": names[row.rater_id]} for row in snapshot.rows()]
    if file.suffix == ".jsonl":
        write_json_lines(file, rows)
    else:
        write_atomically(file, _as_csv(rows) if file.suffix == ".csv" else _as_parquet(rows))
    return snapshot


def _as_cells(row: SnapshotRow) -> dict[str, Any]:
    values = {field.name: getattr(row, field.name) for field in dataclasses.fields(row)}
    words = {name: value.value for name, value in values.items() if isinstance(value, StrEnum)}
    return values | words | {"created_at": row.created_at.isoformat()}


def _as_csv(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    table = csv.DictWriter(text, list(rows[0]))
    table.writeheader()
    table.writerows(rows)
    return text.getvalue()


def _as_parquet(rows: list[dict[str, Any]]) -> bytes:
    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), sink)
    return sink.getvalue().to_pybytes()


def import_own(workspace: Workspace, file: Path) -> Imported:
    """Record the comparisons of a table, with when they were made; what does not fit refuses all.

    `ExchangeError` where the table cannot be read or a cell means nothing, `StoreError` where a row
    is about no pair of this workspace.
    """
    _check_suffix(file)
    with alone(workspace), naming(file):
        store = workspace.store()
        table = _Table(file, store)
        for row in read_rows(file):
            table.add(row)
        store.add_batch(table.batch)
        return outcome_of(store, table.batch, num_known=table.num_known, num_pairs=0)


class _Table:
    """Collects what is new of a table, row by row."""

    def __init__(self, file: Path, store: Store) -> None:
        self.batch = Batch()
        self.num_known = 0
        self._file = file
        self._store = store
        self._pairs = {pair.pair_id: pair for pair in store.pairs()}
        self._ids = known_in(store)
        self._given: dict[str, tuple[int, str]] = {}

    def add(self, row: Row) -> None:
        """Add a row, unless it or an earlier one has told the same already."""
        rater, own_id, when = _rater(row), _own_id(row), row.time("created_at")
        answer = self._answer(row, rater)
        content = _told(answer, when, own_id)
        known_by = own_id or digest(content)
        number, earlier = self._given.setdefault(known_by, (row.number, content))
        if earlier != content:
            row.fail(
                f"the same comparison_id {known_by!r} as in row {number}, which tells something"
                " else; give each comparison an id of its own, or leave the cells empty"
            )
        is_known = self._ids.has(known_by) or (not own_id and content in self._contents)
        if number != row.number or is_known:
            self.num_known += 1
            return
        self.batch.raters.append(rater)
        self.batch.comparisons.append(
            dataclasses.replace(
                answer,
                comparison_id=known_by,
                idempotency_key=answer_key(content, by_time=when is not None),
                created_at=when or answer.created_at,
            )
        )

    def _answer(self, row: Row, rater: Rater) -> Comparison:
        pair = self._pairs.get(row.text("pair_id"))
        if pair is None:
            raise StoreError(
                f"{self._file}, row {row.number}: pair {row.text('pair_id')} is not in this"
                " workspace; expected comparisons of its own pairs"
            )
        a_is_left = row.word("shown_left", {"a": True, "b": False})
        return Comparison.new(
            pair_id=pair.pair_id,
            rater_id=rater.rater_id,
            choice=choice_of(row.word("choice", _CHOICES), a_is_left=a_is_left),
            shown_left=pair.image_a if a_is_left else pair.image_b,
            aspect=row.word("aspect", _ASPECTS),
            milliseconds=row.whole("milliseconds"),
        )

    @cached_property
    def _contents(self) -> set[str]:
        """What all answers of the workspace tell, also where no time is told."""
        said = [event for event in self._store.comparison_events() if event.repeats is None]
        return {_told(each, when) for each in said for when in (each.created_at, None)}


def _told(answer: Comparison, when: datetime | None, own_id: str | None = None) -> str:
    about = [answer.rater_id, answer.pair_id, answer.aspect.value, own_id]
    said = [answer.choice.value, answer.shown_left, answer.milliseconds, when]
    return content_key([*about, *said])


def _own_id(row: Row) -> str | None:
    """Return what a comparison is known by; None where the cell is empty, or there is none."""
    return _text(row, "comparison_id") if row.has("comparison_id") else None


def _rater(row: Row) -> Rater:
    kind = row.word("rater_kind", _KINDS)
    return Rater(rater_id=_text(row, "rater_id"), name=_text(row, "rater"), kind=kind)


def _text(row: Row, column: str) -> str:
    text = row.text(column)
    check_text(row.number, column, text, LONGEST_NAME)
    return text


def _check_suffix(file: Path) -> None:
    if file.suffix not in SUFFIXES:
        raise ExchangeError(f"{file}: expected a name that ends in {', '.join(SUFFIXES)}")
