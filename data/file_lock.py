"""A lock on a file beside a DuckDB file, shared by readers, for as long as the file is open.

DuckDB's own lock is not enough: 2.0.0 reads the file's header before it takes the lock, so of two
processes that open at once the second may go on from a header that the first has replaced since,
and overwrite its rows. Therefore this lock is held from before the opening until after the closing.
"""

import contextlib
import fcntl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from data.thread_line import line_of
from data.waiting import Waiting

_PAUSE_S = 0.004
_TURN, _USE = 0, 1
"""The bytes of the lock file that are locked."""


@contextlib.contextmanager
def alone(waiting: Waiting) -> Iterator[None]:
    """Hold the lock with nothing open, among this process's threads first and then processes."""
    line = line_of(waiting.path)
    with line.turn(waiting):
        line.close()
        with among_processes(waiting, shared=False):
            yield


@dataclass(frozen=True, slots=True)
class HeldLock:
    """The lock while this process holds it."""

    file: BinaryIO

    def is_wanted(self) -> bool:
        """Say whether another process waits for it."""
        try:
            fcntl.lockf(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _TURN)
        except (BlockingIOError, PermissionError):
            return True
        fcntl.lockf(self.file, fcntl.LOCK_UN, 1, _TURN)
        return False


@contextlib.contextmanager
def among_processes(waiting: Waiting, *, shared: bool) -> Iterator[HeldLock]:
    """Hold the lock between processes; closing the file, or dying, lets go of it.

    It is taken in two steps, so that who waits for its turn is not overtaken for ever.
    """
    path = waiting.path.resolve()
    with path.with_name(f"{path.name}.lock").open("a+b") as file:
        _take(file, fcntl.LOCK_EX, _TURN, waiting)
        _take(file, fcntl.LOCK_SH if shared else fcntl.LOCK_EX, _USE, waiting)
        fcntl.lockf(file, fcntl.LOCK_UN, 1, _TURN)
        yield HeldLock(file)


def _take(file: BinaryIO, kind: int, byte: int, waiting: Waiting) -> None:
    while True:
        try:
            return fcntl.lockf(file, kind | fcntl.LOCK_NB, 1, byte)
        except (BlockingIOError, PermissionError):
            if not waiting.pause(_PAUSE_S):
                raise waiting.in_vain() from None
