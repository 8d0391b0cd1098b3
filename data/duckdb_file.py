"""One DuckDB file shared by many processes: open, one transaction, close, and wait if it is taken.

Nobody here holds the file while people think: see `duckdb_opening`.
"""

import contextlib
import secrets
from collections.abc import Iterator
from pathlib import Path

import duckdb

from data.duckdb_instance import SETTINGS
from data.duckdb_log import log_of
from data.duckdb_opening import attach, opened, plainly
from data.duckdb_schema import back_up, migrate, schema_version
from data.engine import Connection
from data.errors import StoreError, WorkspaceError
from data.file_lock import alone
from data.migrations import Migration
from data.waiting import Waiting

PATIENCE_S = 20.0

_FAULTS_OF_THE_FILE = (
    duckdb.OperationalError,
    duckdb.InternalError,
    duckdb.DataError,
    duckdb.FatalException,
    duckdb.PermissionException,
)
"""Not among them: a wrong query, which is a bug and keeps its traceback."""


class DuckDBFile:
    """A DuckDB file as something to transact with, never as an open connection."""

    def __init__(
        self, path: Path, *, patience_s: float = PATIENCE_S, linger_s: float = 0.0
    ) -> None:
        """Name the file; nothing is opened yet.

        `patience_s` bounds the wait for a lock. The file stays open for `linger_s` after it was
        used, unless another process wants it: for who comes again soon.
        """
        self.path = path
        self.patience_s = patience_s
        self.linger_s = linger_s

    @property
    def place(self) -> str:
        """The file's path."""
        return str(self.path)

    @contextlib.contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open for one consistent look; several processes may look at once."""
        with self._opened(read_only=True) as connection:
            yield connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open for one transaction: committed when the block ends, rolled back when it raises."""
        with self._opened(read_only=False) as connection:
            connection.begin()
            try:
                yield connection
                connection.commit()
            except BaseException:
                # A failed commit has already rolled back; only then is there nothing to undo.
                with contextlib.suppress(duckdb.Error):
                    connection.rollback()
                raise

    def create(self) -> None:
        """Make the file if it is missing: built aside, then renamed, so never half there."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._replacing(Waiting(self.path, self.patience_s)) as (aside, *_):
            if not self.path.is_file():
                with duckdb.connect(aside, config=SETTINGS) as connection:
                    migrate(connection)
                aside.replace(self.path.resolve())

    def version(self, connection: Connection) -> int:
        """Return the schema's version, 0 for an empty file; `StoreError` if it is not ours."""
        try:
            return schema_version(connection)
        except StoreError as error:
            raise StoreError(f"{self.path} {error}; choose another folder") from None

    def upgrade(self, migrations: tuple[Migration, ...]) -> None:
        """Copy an older file to `<name>.v<version>.backup` beside it, then migrate it."""
        with self._opened(read_only=False) as connection:
            found = self.version(connection)
            if 0 < found < migrations[-1].version:
                back_up(connection, self.path.with_name(f"{self.path.name}.v{found}.backup"))
            migrate(connection, migrations)

    @contextlib.contextmanager
    def rewriting(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open a copy for one transaction; a copy of what is left takes this file's place.

        Until then, after a kill too, the file is as it was.
        """
        with self._opened(read_only=False):
            pass  # a log that a kill has damaged is put right
        waiting = Waiting(self.path, self.patience_s)
        with self._replacing(waiting) as (changed, clean):
            with (
                contextlib.closing(attach(waiting, read_only=False)) as attached,
                contextlib.closing(attached.cursor()) as connection,
            ):
                connection.execute("CHECKPOINT")  # so that closing leaves no log beside it
                back_up(connection, changed)
            log_of(self.path).unlink(missing_ok=True)  # if any, one that DuckDB took for none
            with duckdb.connect(changed, config=SETTINGS) as connection:
                connection.begin()
                yield connection
                connection.commit()
                back_up(connection, clean)
            clean.replace(self.path.resolve())

    @contextlib.contextmanager
    def _replacing(self, waiting: Waiting) -> Iterator[tuple[Path, Path]]:
        """Have the lock, and two names beside the file, links followed; nothing stays there."""
        target = self.path.resolve()
        aside = f".{target.name}.{secrets.token_hex(4)}"
        try:
            with alone(waiting):
                try:
                    yield target.with_name(aside), target.with_name(f"{aside}.clean")
                finally:
                    # What others left who were killed goes too: it holds what was to be erased.
                    for leftover in target.parent.glob(f".{target.name}.*"):
                        leftover.unlink()
        except _FAULTS_OF_THE_FILE as error:
            raise StoreError(f"{self.path}: {plainly(error)}") from error

    @contextlib.contextmanager
    def _opened(self, *, read_only: bool) -> Iterator[duckdb.DuckDBPyConnection]:
        if not self.path.is_file():
            raise WorkspaceError(f"no store at {self.path}; make one with `tastemaker init`")
        waiting = Waiting(self.path, self.patience_s)
        try:
            with opened(waiting, read_only=read_only, linger_s=self.linger_s) as connection:
                yield connection
        except _FAULTS_OF_THE_FILE as error:
            raise StoreError(f"{self.path}: {plainly(error)}") from error
