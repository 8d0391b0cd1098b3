"""What the store's verbs ask of a database: connections to transact with, and a schema.

The verbs speak SQL that DuckDB and PostgreSQL both understand, with `?` for parameters. What
differs between the two stands in their engines and in `migrations`.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, runtime_checkable

from data.migrations import Migration


@runtime_checkable
class Cursor(Protocol):
    """The rows of one query."""

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return all rows."""
        ...

    def fetchone(self) -> tuple[Any, ...] | None:
        """Return the next row, if there is one."""
        ...


@runtime_checkable
class Connection(Protocol):
    """An open transaction."""

    def execute(self, query: str, parameters: Sequence[object] = ..., /) -> Cursor:
        """Run one statement with its `?` filled in, in order."""
        ...


@runtime_checkable
class Engine(Protocol):
    """A database that opens for one transaction at a time; nobody holds it for longer."""

    @property
    def place(self) -> str:
        """Where the store is, as people may read it: never with a password."""
        ...

    def reading(self) -> AbstractContextManager[Connection]:
        """Open for one consistent look."""
        ...

    def writing(self) -> AbstractContextManager[Connection]:
        """Open for one transaction: committed when the block ends, rolled back when it raises.

        One is open at a time: a second one waits, then sees what the first has committed.
        """
        ...

    def create(self) -> None:
        """Make the store with the newest schema, unless there is one."""
        ...

    def version(self, connection: Connection) -> int:
        """Return the schema's version; raise `StoreError` on what is not a store."""
        ...

    def upgrade(self, migrations: tuple[Migration, ...]) -> None:
        """Bring an older schema to the newest of `migrations`."""
        ...

    def rewriting(self) -> AbstractContextManager[Connection]:
        """Open for one transaction, and leave nothing that it deletes in the store's files."""
        ...


class Verbs:
    """Verbs over an engine: each one is one transaction."""

    def __init__(self, engine: Engine) -> None:
        """Trust the engine to have a store of this schema; nothing is opened yet."""
        self.engine = engine

    @property
    def place(self) -> str:
        """Where the store is, as people may read it."""
        return self.engine.place

    def reading(self) -> AbstractContextManager[Connection]:
        """Open for one consistent look."""
        return self.engine.reading()

    def writing(self) -> AbstractContextManager[Connection]:
        """Open for one transaction."""
        return self.engine.writing()
