"""One DuckDB file shared by many processes: open, one transaction, close, and wait if it is taken.

Nobody here holds the file for longer than a transaction, and whoever finds it taken tries again
after a short random pause, up to a bound. DuckDB's own lock is not enough: 2.0.0 reads the file's
header before it takes the lock, so of two processes that open at once the second may go on from a
header that the first has replaced since, and overwrite its rows. Therefore a lock on a file beside
it (`.lock`; shared by readers) is held from before the opening until after the closing.
"""

import contextlib
import fcntl
import random
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import duckdb

from data.errors import StoreBusy, StoreError, WorkspaceError

STORAGE_VERSION = "v1.5.0"
"""The on-disk format, so that DuckDB 1.5 and 2 open the same files."""

PATIENCE_S = 20.0

_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "storage_compatibility_version": STORAGE_VERSION,
    "threads": 2,  # the tables are small, and opening must not start a thread per core
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}

_LOCK_PAUSE_S = 0.004
_OPEN_PAUSE_S = 0.05
_TURN, _USE = 0, 1
"""The bytes of the lock file that are locked."""

_LOCK_SIGNS = (
    "could not set lock",
    "conflicting lock",
    "different configuration",  # opened by other code in this process
)

_FAULTS_OF_THE_FILE = (
    duckdb.OperationalError,
    duckdb.InternalError,
    duckdb.DataError,
    duckdb.FatalException,
    duckdb.PermissionException,
)
"""Not among them: a wrong query, which is a bug and keeps its traceback."""

_locks: dict[Path, threading.Lock] = {}
_locks_guard = threading.Lock()


class DuckDBFile:
    """A DuckDB file as something to transact with, never as an open connection."""

    def __init__(self, path: Path, *, patience_s: float = PATIENCE_S) -> None:
        """Name the file; nothing is opened yet. `patience_s` bounds the wait for a lock."""
        self.path = path
        self.patience_s = patience_s

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

    def create_whole(self, build: Callable[[duckdb.DuckDBPyConnection], None]) -> None:
        """Make the file if it is missing: built aside, then renamed, so never half there."""
        waiting = _Waiting(self.patience_s)
        with self._alone_in_process(), self._locked(waiting, shared=False):
            if self.path.is_file():
                return
            aside = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}")
            try:
                with duckdb.connect(aside, config=_SETTINGS) as connection:
                    build(connection)
                aside.replace(self.path)
            except _FAULTS_OF_THE_FILE as error:
                raise StoreError(f"{self.path}: {_plainly(error)}") from error
            finally:
                for leftover in aside.parent.glob(f"{aside.name}*"):
                    leftover.unlink()

    @contextlib.contextmanager
    def _opened(self, *, read_only: bool) -> Iterator[duckdb.DuckDBPyConnection]:
        waiting = _Waiting(self.patience_s)
        if not self.path.is_file():
            raise WorkspaceError(f"no store at {self.path}; make one with `tastemaker init`")
        with self._alone_in_process(), self._locked(waiting, shared=read_only):
            try:
                with contextlib.closing(self._connect(waiting, read_only)) as connection:
                    yield connection
            except _FAULTS_OF_THE_FILE as error:
                raise StoreError(f"{self.path}: {_plainly(error)}") from error

    @contextlib.contextmanager
    def _alone_in_process(self) -> Iterator[None]:
        lock = _lock_of(self.path)
        if not lock.acquire(timeout=self.patience_s):
            raise self._busy()
        try:
            yield
        finally:
            lock.release()

    @contextlib.contextmanager
    def _locked(self, waiting: "_Waiting", *, shared: bool) -> Iterator[None]:
        """Hold the lock between processes; closing the file, or dying, lets go of it.

        It is taken in two steps, so that who waits for its turn is not overtaken for ever.
        """
        path = self.path.resolve()
        with path.with_name(f"{path.name}.lock").open("a+b") as file:
            self._take(file, fcntl.LOCK_EX, _TURN, waiting)
            self._take(file, fcntl.LOCK_SH if shared else fcntl.LOCK_EX, _USE, waiting)
            fcntl.lockf(file, fcntl.LOCK_UN, 1, _TURN)
            yield

    def _take(self, file: BinaryIO, kind: int, byte: int, waiting: "_Waiting") -> None:
        while True:
            try:
                return fcntl.lockf(file, kind | fcntl.LOCK_NB, 1, byte)
            except (BlockingIOError, PermissionError):
                if not waiting.pause(_LOCK_PAUSE_S):
                    raise self._busy() from None

    def _connect(self, waiting: "_Waiting", read_only: bool) -> duckdb.DuckDBPyConnection:
        was_refused = False
        while True:
            try:
                connection = duckdb.connect(self.path, read_only=read_only, config=_SETTINGS)
            except duckdb.Error as error:
                if not _is_lock(error):
                    raise self._unreadable(error) from error
                if not waiting.pause(_OPEN_PAUSE_S):
                    raise self._busy() from error
                was_refused = True
                continue
            if not was_refused:
                return connection
            # Another program let go just now: open again, after its last word.
            connection.close()
            was_refused = False

    def _busy(self) -> StoreBusy:
        return StoreBusy(
            f"{self.path} was in use by another program for {self.patience_s:g} s; close what "
            "holds it open (a DuckDB shell, a notebook) and run the same command again"
        )

    def _unreadable(self, error: duckdb.Error) -> StoreError:
        return StoreError(
            f"{self.path} is not a readable store ({_plainly(error)}); "
            "restore it from a backup, or start anew with `tastemaker init` in another folder"
        )


class _Waiting:
    """Pauses of random length until patience is at its end."""

    def __init__(self, patience_s: float) -> None:
        self.deadline = time.monotonic() + patience_s

    def pause(self, longest_s: float) -> bool:
        """Sleep, or return False when there is no time left."""
        if time.monotonic() >= self.deadline:
            return False
        time.sleep(random.uniform(0.2, 1.0) * longest_s)
        return True


def _lock_of(path: Path) -> threading.Lock:
    """Return the one lock that this process has for a file, however its path is spelled."""
    with _locks_guard:
        return _locks.setdefault(path.resolve(), threading.Lock())


def _is_lock(error: duckdb.Error) -> bool:
    text = str(error).lower()
    return any(sign in text for sign in _LOCK_SIGNS)


def _plainly(error: duckdb.Error) -> str:
    text = str(error).splitlines()[0][:200]
    if "no space left" in text.lower():
        return "no space left on the disk; free some and run the same command again"
    return text
