"""This process's one DuckDB, to which files are attached for as long as they are in use.

Making a database for each use of a file would take ten times as long as attaching it to one that is
there. Between two uses the file is not attached, so that nobody waits for it.
"""

import contextlib
import itertools
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import duckdb

STORAGE_VERSION = "v1.5.0"
"""The on-disk format, so that DuckDB 1.5 and 2 open the same files."""

SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "storage_compatibility_version": STORAGE_VERSION,
    "threads": 1,  # the tables are small: handing work over takes longer than doing it
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "python_enable_replacements": False,  # a table that is missing is no variable of that name
}

_log = logging.getLogger(__name__)

_numbers = itertools.count()
_instances: list[duckdb.DuckDBPyConnection] = []
_guard = threading.Lock()


class AttachedFile:
    """A file of rows while it is attached; closing it detaches it."""

    def __init__(self, path: Path, *, read_only: bool) -> None:
        """Attach it; raise `duckdb.Error` where it cannot be."""
        self._instance = _instance()
        self._name = f"store_{next(_numbers)}"  # no two at once have the same
        options = "TYPE duckdb, READ_ONLY" if read_only else "TYPE duckdb"
        with self._session() as session:
            session.execute(f"ATTACH {quoted(path)} AS {self._name} ({options})")

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Return a connection of its own to the file, which the caller closes."""
        connection = self._instance.cursor()
        connection.execute(f"USE {self._name}")
        return connection

    def close(self) -> None:
        """Detach it: what was committed goes from the log to the file.

        Where the file cannot be written it stays in the log, and is detached all the same.
        """
        try:
            with self._session() as session:
                session.execute(f"DETACH {self._name}")
        except duckdb.Error as error:
            renew()
            _log.debug("detaching failed: %s", error)

    @contextlib.contextmanager
    def _session(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with contextlib.closing(self._instance.cursor()) as session:
            yield session


def renew() -> None:
    """Attach what comes to another instance: an error may have made this one unusable.

    What is attached to it stays so until it is closed.
    """
    with _guard:
        _instances.clear()


def quoted(path: Path) -> str:
    """Return a path as SQL writes it."""
    return "'" + str(path).replace("'", "''") + "'"


def _instance() -> duckdb.DuckDBPyConnection:
    with _guard:
        if not _instances:
            _instances.append(duckdb.connect(":memory:", config=SETTINGS))
        return _instances[0]
