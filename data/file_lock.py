"""A lock on a file beside a DuckDB file, shared by readers, for the time of one transaction.

DuckDB's own lock is not enough: 2.0.0 reads the file's header before it takes the lock, so of two
processes that open at once the second may go on from a header that the first has replaced since,
and overwrite its rows. Therefore this lock is held from before the opening until after the closing.
"""

import contextlib
import fcntl
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from data.errors import StoreBusy

_PAUSE_S = 0.004
_TURN, _USE = 0, 1
"""The bytes of the lock file that are locked."""

_locks: dict[Path, threading.Lock] = {}
_locks_guard = threading.Lock()


class Waiting:
    """Pauses of random length until patience is at its end."""

    def __init__(self, path: Path, patience_s: float) -> None:
        """Begin to wait for `path`."""
        self.path = path
        self.patience_s = patience_s
        self.deadline = time.monotonic() + patience_s

    def pause(self, longest_s: float) -> bool:
        """Sleep, or return False when there is no time left."""
        if time.monotonic() >= self.deadline:
            return False
        time.sleep(random.uniform(0.2, 1.0) * longest_s)
        return True

    def in_vain(self) -> StoreBusy:
        """Say what was waited for."""
        return StoreBusy(
            f"{self.path} was in use by another program for {self.patience_s:g} s; close what "
            "holds it open (a DuckDB shell, a notebook) and run the same command again"
        )


@contextlib.contextmanager
def locked(waiting: Waiting, *, shared: bool) -> Iterator[None]:
    """Hold the lock, among this process's threads first and then among processes."""
    with _alone_in_process(waiting), _among_processes(waiting, shared=shared):
        yield


@contextlib.contextmanager
def _alone_in_process(waiting: Waiting) -> Iterator[None]:
    lock = _lock_of(waiting.path)
    if not lock.acquire(timeout=waiting.patience_s):
        raise waiting.in_vain()
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def _among_processes(waiting: Waiting, *, shared: bool) -> Iterator[None]:
    """Hold the lock between processes; closing the file, or dying, lets go of it.

    It is taken in two steps, so that who waits for its turn is not overtaken for ever.
    """
    path = waiting.path.resolve()
    with path.with_name(f"{path.name}.lock").open("a+b") as file:
        _take(file, fcntl.LOCK_EX, _TURN, waiting)
        _take(file, fcntl.LOCK_SH if shared else fcntl.LOCK_EX, _USE, waiting)
        fcntl.lockf(file, fcntl.LOCK_UN, 1, _TURN)
        yield


def _take(file: BinaryIO, kind: int, byte: int, waiting: Waiting) -> None:
    while True:
        try:
            return fcntl.lockf(file, kind | fcntl.LOCK_NB, 1, byte)
        except (BlockingIOError, PermissionError):
            if not waiting.pause(_PAUSE_S):
                raise waiting.in_vain() from None


def _lock_of(path: Path) -> threading.Lock:
    """Return the one lock that this process has for a file, however its path is spelled."""
    with _locks_guard:
        return _locks.setdefault(path.resolve(), threading.Lock())
