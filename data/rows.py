"""Records as rows of the store and back: one table per record class, one column per field."""

import dataclasses
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
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
        firsts = [key[0] for key in keys]
        return set(
            connection.execute(f"{query} (SELECT unnest(?::VARCHAR[]))", [firsts]).fetchall()
        )

    def _append(self, connection: Connection, records: Sequence[RecordT]) -> None:
        """Write all rows with one statement: each column travels as one list."""
        fields = dataclasses.fields(cast(Any, self.record))
        unnested = [f"unnest(?::{_SQL_TYPES.get(f.type, 'VARCHAR')}[])" for f in fields]
        values = [[_to_column(getattr(record, f.name)) for record in records] for f in fields]
        connection.execute(
            f"INSERT INTO {self.name} (ordinal, {', '.join(self.columns())})"
            f" SELECT (SELECT coalesce(max(ordinal), 0) FROM {self.name})"
            f" + unnest(?::BIGINT[]), {', '.join(unnested)}",
            [list(range(1, len(records) + 1)), *values],
        )

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
        tests, parameters = [], []
        for column, wanted in conditions.items():
            if wanted is not None:
                is_list = isinstance(wanted, list)
                tests.append(
                    f"{column} IN (SELECT unnest(?::VARCHAR[]))" if is_list else f"{column} = ?"
                )
                parameters.append(wanted)
        where = f" WHERE {' AND '.join(tests)}" if tests else ""
        query = f"SELECT {', '.join(self.columns())} FROM {source or self.name}{where}"
        rows = connection.execute(f"{query} ORDER BY ordinal", parameters).fetchall()
        return [self.read(row) for row in rows]

    def read(self, row: Sequence[Any]) -> RecordT:
        """Make the record of one row whose columns stand in the record's order."""
        readers = _readers(cast(Any, self.record))
        values = dict(zip(readers, row, strict=True))
        values |= {name: read(values[name]) for name, read in readers.items() if read}
        return self.record(**values)


def _to_column(value: object) -> object:
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, tuple):
        return " ".join(cast(tuple[str, ...], value))
    if isinstance(value, dict) or dataclasses.is_dataclass(value):
        return canonical_json(value)
    return value


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
