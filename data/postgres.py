"""The store on PostgreSQL, for raters and machines that outgrow one file.

Like the file, the database is opened for one transaction and let go. Writers of one database take
turns, by an advisory lock that ends with the transaction: so whoever reads sees rows in the order
of their ordinals, and a later one never before an earlier one.

Import this module only when a store on PostgreSQL is asked for: it needs psycopg.
"""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
from psycopg import errors
from psycopg.conninfo import make_conninfo

from data.engine import Connection
from data.errors import StoreBusy, StoreError, WorkspaceError
from data.migrations import MIGRATIONS, Migration
from data.postgres_url import read_url, without_password
from data.records import utc_now

PATIENCE_S = 20.0
_DEFAULTS = {"connect_timeout": "10", "application_name": "tastemaker"}

_WRITERS = int.from_bytes(b"tastemak")
"""Number of the advisory lock under which writers take turns."""

_LIMITS = """SELECT set_config('lock_timeout', %s, true),
    set_config('idle_in_transaction_session_timeout', %s, true)"""
"""The second sees to it that a writer who has gone to sleep does not keep the others waiting: it
is half of the first."""

_FAULTS_OF_THE_DATABASE = (
    psycopg.OperationalError,
    psycopg.InternalError,
    psycopg.DataError,
    psycopg.IntegrityError,
    errors.InsufficientPrivilege,
    errors.InvalidSchemaName,
)
"""Not among them: a wrong query, which is a bug and keeps its traceback."""

_CURES = {
    "no password supplied": "set PGPASSWORD or write ~/.pgpass",
    "password authentication failed": "correct PGPASSWORD or ~/.pgpass, or the user in the URL",
    "does not exist": "create it first (see docs/postgresql.md), or correct the URL",
}
_CURE = "see that the server runs there and that this machine reaches it, or correct the URL"


class PostgresDatabase:
    """A PostgreSQL database as something to transact with, never as an open connection."""

    def __init__(self, url: str, *, patience_s: float = PATIENCE_S) -> None:
        """Name the database; nothing is opened yet. `patience_s` bounds the wait for writers."""
        self.place = without_password(url)
        self.patience_s = patience_s
        self._settings = {**_DEFAULTS, **read_url(url), "client_encoding": "utf8"}

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open for one consistent look; nobody is waited for."""
        with self._connected() as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            with connection.transaction():
                yield _Session(connection)

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open for one transaction: committed when the block ends, rolled back when it raises.

        Each statement sees what is committed by then, so after the wait for its turn a writer sees
        all that the others wrote.
        """
        with self._connected() as connection, connection.transaction():
            limits = (self.patience_s, self.patience_s / 2)
            connection.execute(_LIMITS, [f"{round(1000 * limit)}ms" for limit in limits])
            connection.execute("SELECT pg_advisory_xact_lock(%s)", [_WRITERS])
            yield _Session(connection)

    def create(self) -> None:
        """Make the tables in an empty database; where a store is already, nothing changes."""
        with self.writing() as connection:
            if not self._tables(connection):
                connection.execute(
                    "CREATE TABLE schema_version"
                    " (version BIGINT NOT NULL, applied_at TIMESTAMP NOT NULL)"
                )
                self._migrate(connection, MIGRATIONS)

    def version(self, connection: Connection) -> int:
        """Return the schema's version; raise `StoreError` if the tables are not ours."""
        tables = self._tables(connection)
        if not tables:
            raise WorkspaceError(
                f"no store in {self.place}; make one with `tastemaker init --store`"
            )
        if not {"schema_version", "comparisons"} <= tables:
            raise StoreError(
                f"{self.place} holds tables, but not a Tastemaker store; choose an empty database"
            )
        row = connection.execute("SELECT coalesce(max(version), 0) FROM schema_version").fetchone()
        return int(row[0]) if row else 0

    def upgrade(self, migrations: tuple[Migration, ...]) -> None:
        """Migrate all at once or, if something fails, not at all."""
        with self.writing() as connection:
            found = self.version(connection)
            self._migrate(connection, [m for m in migrations if m.version > found])

    @contextlib.contextmanager
    def rewriting(self) -> Iterator[Connection]:
        """Open for one transaction, then let the server write every table anew.

        Others wait for as long as that takes. It is no part of the transaction: after a kill in
        between, the deleted rows are gone from the tables, and from the files once the server
        tidies up.
        """
        with self.writing() as connection:
            yield connection
        with self._connected() as connection:
            connection.autocommit = True
            for table in self._tables(_Session(connection)):
                connection.execute(f'VACUUM FULL "{table}"'.encode())

    def _migrate(self, connection: Connection, migrations: Sequence[Migration]) -> None:
        for migration in migrations:
            for statement in migration.in_postgresql():
                connection.execute(statement)
            done = [migration.version, utc_now()]
            connection.execute("INSERT INTO schema_version VALUES (?, ?)", done)

    def _tables(self, connection: Connection) -> set[str]:
        query = "SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = current_schema()"
        return {name for (name,) in connection.execute(query).fetchall()}

    @contextlib.contextmanager
    def _connected(self) -> Iterator["psycopg.Connection[Any]"]:
        try:
            with contextlib.closing(self._connect()) as connection:
                yield connection
        except errors.LockNotAvailable as error:
            raise StoreBusy(
                f"{self.place}: others wrote for {self.patience_s:g} s without a break; "
                "run the same command again"
            ) from error
        except _FAULTS_OF_THE_DATABASE as error:
            raise StoreError(f"{self.place}: {_plainly(error)}") from error

    def _connect(self) -> "psycopg.Connection[Any]":
        try:
            # No prepared statements, so that a pooler may stand in between.
            return psycopg.connect(make_conninfo(**self._settings), prepare_threshold=None)
        except psycopg.OperationalError as error:
            said = _plainly(error)
            cure = next((cure for sign, cure in _CURES.items() if sign in said), _CURE)
            raise StoreError(f"cannot open {self.place} ({said}); {cure}") from None


class _Session:
    """A connection that takes parameters as `?`."""

    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        self._connection = connection

    def execute(
        self, query: str, parameters: Sequence[object] = (), /
    ) -> "psycopg.Cursor[tuple[Any, ...]]":
        """Run one statement."""
        in_psycopg = query.replace("%", "%%").replace("?", "%s")
        return self._connection.execute(in_psycopg.encode(), parameters)


def _plainly(error: psycopg.Error) -> str:
    return next(iter(str(error).splitlines()), "")[:300].removeprefix("connection failed: ")
