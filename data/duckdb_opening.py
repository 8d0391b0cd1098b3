"""Opens a DuckDB file under its lock, and puts right what a killed process left of a write.

Whoever finds the file taken tries again after a short random pause, up to a bound: see `file_lock`
for processes, `thread_line` for the threads of one.
"""

import contextlib
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from data.duckdb_instance import AttachedFile, renew
from data.duckdb_log import DamagedLog, is_damaged, is_unknown, log_of, rescue
from data.errors import StoreError
from data.file_lock import HeldLock, among_processes
from data.thread_line import line_of
from data.waiting import Waiting

_OPEN_PAUSE_S = 0.05

_SHARED_S = 0.25
"""How long a process may keep the file open that others wait for, while its threads stand in line.
"""
_LONGEST_S = 2.0
"""How long it may keep it open at all: programs that do not know our lock wait for it too."""

_LOCK_SIGNS = (
    "could not set lock",
    "conflicting lock",
    "unique file handle conflict",  # opened by other code in this process
)

_log = logging.getLogger(__name__)


@contextlib.contextmanager
def opened(
    waiting: Waiting, *, read_only: bool, linger_s: float
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Have the file open, alone among this process's threads.

    Where others wait in line, it stays open for them: opening and closing take longer than most
    of what is done in between. For `linger_s` it stays open for who comes next, unless another
    process wants it.
    """
    line = line_of(waiting.path)
    with line.turn(waiting):
        is_alone = not (line.is_wanted or linger_s)
        file = line.kept or _open(waiting, read_only=read_only and is_alone)
        assert isinstance(file, _OpenFile)
        line.kept = file
        try:
            with contextlib.closing(file.attached.cursor()) as connection:
                yield connection
        except BaseException:
            renew()
            line.close()
            raise
        file.linger(linger_s)
        if file.is_over():
            line.close()


@dataclass(slots=True)
class _OpenFile:
    """A file, and the lock under which it was attached."""

    attached: AttachedFile
    held: contextlib.ExitStack
    lock: HeldLock
    is_writable: bool
    opened_at: float = field(default_factory=time.monotonic)
    until: float = 0.0
    """When it is to be closed if nobody has come."""

    @property
    def lingers(self) -> bool:
        """Whether it may stay open with nobody in line."""
        return time.monotonic() < self.until

    def linger(self, seconds: float) -> None:
        """Stay open for at least so long from now."""
        self.until = max(self.until, time.monotonic() + seconds)

    def is_over(self) -> bool:
        """Say whether not even the next in line may have it."""
        age = time.monotonic() - self.opened_at
        is_too_long = age >= _LONGEST_S or (age >= _SHARED_S and self.lock.is_wanted())
        return not self.is_writable or is_too_long

    def is_due(self) -> bool:
        """Say whether to close it, with nobody in line."""
        return not self.lingers or self.is_over() or self.lock.is_wanted()

    def close(self) -> None:
        """Close the file, then let go of the lock."""
        self.held.close()


def _open(waiting: Waiting, *, read_only: bool) -> _OpenFile:
    """Take the lock and open the file; who has to rescue its log takes the lock alone."""
    with contextlib.ExitStack() as held:
        lock = held.enter_context(among_processes(waiting, shared=read_only))
        attached = _attach_whole(waiting, read_only)
        if attached is None:
            held.close()
            lock = held.enter_context(among_processes(waiting, shared=False))
            attached = _attach_rescued(waiting, read_only)
        held.callback(attached.close)
        return _OpenFile(attached, held.pop_all(), lock, is_writable=not read_only)


def attach(waiting: Waiting, *, read_only: bool) -> AttachedFile:
    """Attach the file once nobody has it; raise `StoreError` where it cannot be read."""
    was_refused = False
    while True:
        try:
            attached = AttachedFile(waiting.path, read_only=read_only)
        except duckdb.Error as error:
            if not _is_lock(error):
                renew()
                raise _unreadable(waiting.path, error) from error
            if not waiting.pause(_OPEN_PAUSE_S):
                raise waiting.in_vain() from error
            was_refused = True
            continue
        if not was_refused:
            return attached
        # Another program let go just now: attach it again, after its last word.
        attached.close()
        was_refused = False


def plainly(error: duckdb.Error) -> str:
    """Return DuckDB's words on one line, or what to do where the disk is full."""
    text = str(error).splitlines()[0][:200]
    if "no space left" in text.lower():
        return "no space left on the disk; free some and run the same command again"
    return text


def _attach_whole(waiting: Waiting, read_only: bool) -> AttachedFile | None:
    """Attach the file, unless its log has to be rescued first."""
    if is_damaged(waiting.path):
        return None
    with contextlib.suppress(DamagedLog):
        return attach(waiting, read_only=read_only)


def _attach_rescued(waiting: Waiting, read_only: bool) -> AttachedFile:
    """Rescue the log, once nobody has the file open; then attach it and say what was lost."""
    position = None
    try:
        attach(waiting, read_only=True).close()
    except DamagedLog as damaged:
        position = damaged.position
    loss = rescue(waiting, position)
    attached = attach(waiting, read_only=read_only)
    if loss is not None:
        with contextlib.closing(attached.cursor()) as connection:
            _log.warning("%s", loss.describe(waiting.path, connection))
    return attached


def _unreadable(path: Path, error: duckdb.Error) -> StoreError:
    said = f"{path} is not a readable store ({plainly(error)}); "
    if "WAL" in str(error) and is_unknown(path):
        return StoreError(
            f"{said}its log {log_of(path).name} is of a form that this Tastemaker does not know, "
            "and was left as it is: open the store once with the DuckDB that wrote it"
        )
    said += "restore it from a backup, or start anew with `tastemaker init` in another folder"
    return DamagedLog.where_it_is(path, error, said) or StoreError(said)


def _is_lock(error: duckdb.Error) -> bool:
    text = str(error).lower()
    return any(sign in text for sign in _LOCK_SIGNS)
