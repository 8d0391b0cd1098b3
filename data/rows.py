"""Records as rows of the store and back: one table per record class, one column per field."""

import dataclasses
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from operator import attrgetter, itemgetter
from typing import Any, Generic, TypeVar, cast, get_origin

from data.engine import Connection
from data.files import canonical_json
from data.questions import Lease, Study
from data.records import (
    Aspect,
    Comparison,
    Image,
    Pair,
    Policy,
    Prompt,
    Rater,
    RewardModel,
    RoundEvent,
    Run,
    Sampler,
)

RecordT = TypeVar("RecordT")
ItemT = TypeVar("ItemT")

_AT_ONCE = 10_000
"""Rows that one statement writes or looks for. A server ends the transaction of who leaves it
waiting for a while, as making the columns of hundreds of thousands of rows does."""

_SQL_TYPES = {bool: "BOOLEAN", int: "BIGINT", float: "FLOAT8", datetime: "TIMESTAMP"}


@dataclass(frozen=True, slots=True)
class Table(Generic[RecordT]):
    """Where a class of records is kept, and by which columns two of them are the same."""

    name: str
    record: type[RecordT]
    key: tuple[str, ...]
    """Empty for events, of which every one is kept."""

    def columns(self) -> list[str]:
        """List the record's fields, in order."""
        return [field.name for field in dataclasses.fields(cast(Any, self.record))]

    def insert(self, connection: Connection, records: Sequence[RecordT]) -> list[RecordT]:
        """Append the records whose key is not there yet; return those appended."""
        keys = [tuple(getattr(record, column) for column in self.key) for record in records]
        known = self._known_among(connection, keys) if self.key else set()
        fresh: list[RecordT] = []
        for record, key in zip(records, keys, strict=True):
            if not self.key or key not in known:
                known.add(key)
                fresh.append(record)
        if fresh:
            self._append(connection, fresh)
        return fresh

    def _known_among(
        self, connection: Connection, keys: Sequence[tuple[Any, ...]]
    ) -> set[tuple[Any, ...]]:
        query = f"SELECT {', '.join(self.key)} FROM {self.name} WHERE {self.key[0]} IN"
        known: set[tuple[Any, ...]] = set()
        for part in _parts([key[0] for key in keys]):
            found = connection.execute(f"{query} (SELECT unnest(?::VARCHAR[]))", [part])
            known.update(found.fetchall())
        return known

    def _append(self, connection: Connection, records: Sequence[RecordT]) -> None:
        """Write many rows with one statement: each column travels as one list."""
        fields = dataclasses.fields(cast(Any, self.record))
        unnested = [f"unnest(?::{_SQL_TYPES.get(f.type, 'VARCHAR')}[])" for f in fields]
        statement = (
            f"INSERT INTO {self.name} (ordinal, {', '.join(self.columns())})"
            f" SELECT (SELECT coalesce(max(ordinal), 0) FROM {self.name})"
            f" + unnest(?::BIGINT[]), {', '.join(unnested)}"
        )
        for part in _parts(records):
            connection.execute(statement, [list(range(1, len(part) + 1)), *self._as_columns(part)])

    def _as_columns(self, records: Sequence[RecordT]) -> list[list[Any]]:
        writers = _writers(cast(Any, self.record))
        columns = {name: list(map(attrgetter(name), records)) for name in writers}
        return [
            list(map(write, columns[name])) if write else columns[name]
            for name, write in writers.items()
        ]

    def select(
        self,
        connection: Connection,
        *,
        source: str | None = None,
        **conditions: object,
    ) -> list[RecordT]:
        """Read records in order of arrival, from the table or from a view that has its columns.

        A condition is a column's value, or a list of texts; None stands for no condition.
        """
        wanted = {column: value for column, value in conditions.items() if value is not None}
        lists = {column: value for column, value in wanted.items() if isinstance(value, list)}
        tests = [
            f"{column} IN (SELECT unnest(?::VARCHAR[]))" if column in lists else f"{column} = ?"
            for column in wanted
        ]
        where = f" WHERE {' AND '.join(tests)}" if tests else ""
        query = f"SELECT ordinal, {', '.join(self.columns())} FROM {source or self.name}{where}"
        longest = max(lists, key=lambda column: len(lists[column]), default="")
        found: list[tuple[int, RecordT]] = []
        # A list in parts, and their rows in order again.
        for part in _parts(list(dict.fromkeys(lists[longest]))) if lists else [[]]:
            given = wanted | ({longest: part} if lists else {})
            rows = connection.execute(f"{query} ORDER BY ordinal", list(given.values())).fetchall()
            found += [(row[0], self.read(row[1:])) for row in rows]
        return [record for _, record in sorted(found, key=itemgetter(0))]

    def read(self, row: Sequence[Any]) -> RecordT:
        """Make the record of one row whose columns stand in the record's order."""
        readers = _readers(cast(Any, self.record))
        values = dict(zip(readers, row, strict=True))
        values |= {name: read(values[name]) for name, read in readers.items() if read}
        return self.record(**values)


def _parts(items: Sequence[ItemT]) -> Iterator[Sequence[ItemT]]:
    """Cut what one statement takes, and between two of which a server would not wait for long."""
    return (items[start : start + _AT_ONCE] for start in range(0, len(items), _AT_ONCE))


@cache
def _writers(record: Any) -> dict[str, Callable[[Any], Any] | None]:  # noqa: ANN401
    """Return what makes each field's column of its value, in order; none where it is the value."""
    return {field.name: _writer(field.type) for field in dataclasses.fields(record)}


def _writer(kind: Any) -> Callable[[Any], Any] | None:  # noqa: ANN401  (as many types as columns)
    if kind is Sampler:
        return _write_sampler
    if get_origin(kind) is dict:
        return canonical_json
    if get_origin(kind) is tuple:
        return " ".join
    return str if isinstance(kind, type) and issubclass(kind, str) else None


@cache
def _write_sampler(sampler: Sampler) -> str:
    return canonical_json(sampler)


@cache
def _readers(record: Any) -> dict[str, Callable[[Any], Any] | None]:  # noqa: ANN401
    """Return what makes each field's value of its column, in order; none where it is the value."""
    return {field.name: _reader(field.type) for field in dataclasses.fields(record)}


def _reader(kind: Any) -> Callable[[Any], Any] | None:  # noqa: ANN401  (as many types as columns)
    if kind is Sampler:
        return _read_sampler
    if get_origin(kind) is dict:
        return json.loads
    if get_origin(kind) is tuple:
        return _read_aspects
    return kind if isinstance(kind, type) and issubclass(kind, StrEnum) else None


@cache
def _read_sampler(text: str) -> Sampler:
    return Sampler(**json.loads(text))


@cache
def _read_aspects(words: str) -> tuple[Aspect, ...]:
    return tuple(Aspect(word) for word in words.split())


PROMPTS = Table("prompts", Prompt, ("prompt_id", "prompt_set"))
POLICIES = Table("policies", Policy, ("name",))
IMAGES = Table("images", Image, ("image_id",))
PAIRS = Table("pairs", Pair, ("pair_id",))
RATERS = Table("raters", Rater, ("rater_id",))
COMPARISONS = Table("comparisons", Comparison, ("idempotency_key",))
REWARD_MODELS = Table("reward_models", RewardModel, ("name",))
RUNS = Table("runs", Run, ("run_id", "status"))
LEASES: Table[Lease] = Table("leases", Lease, ())
STUDIES: Table[Study] = Table("studies", Study, ())
ROUND_EVENTS: Table[RoundEvent] = Table("rounds", RoundEvent, ())
