"""The write-ahead log beside a DuckDB file, where a kill or a power cut has damaged it.

DuckDB replays a log that ends too soon as far as it goes and forgets the rest without a word, takes
one whose first bytes are wrong for no log, and refuses the file where a byte in the middle changed.
Here a log of the one form that we know is cut after its last whole transaction, after all of it was
kept under another name. Of a log of any other form nothing is ever cut: DuckDB decides. It replaces
one that it takes for none as soon as it writes, and so a copy of that is kept too.
"""

import contextlib
import fcntl
import os
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from data.errors import StoreError
from data.files import write_atomically
from data.records import utc_now
from data.waiting import Waiting

_NUMBER = rb"[\x80-\xff]*[\x00-\x7f]"
_HEADER = re.compile(rb"d\0be\0\x02f\0\x10" + 16 * _NUMBER + rb"g\0" + _NUMBER + rb"\xff\xff")
"""Version of the log, 2 for storage v1.5.0; identity of the file; number of its checkpoints."""

_ENTRY = struct.Struct("<QQ")
"""Size and checksum, then as many bytes as the size says."""

_COMMIT = b"d\0d\xff\xff"
_DAMAGED_AT = re.compile(r"orrupt WAL file: entry.* at byte position (\d+)")
_OF_ANOTHER_FILE = "does not match"
_DURING_CHECKPOINT = ("checkpoint", "recovery")
"""Ends of the names of more logs, with which DuckDB puts right what a kill left of a checkpoint."""

_PAUSE_S = 0.05


class DamagedLog(StoreError):  # noqa: N818  (reads as a state, like StoreBusy)
    """Report that DuckDB refuses a file for its log, which is damaged or another file's."""

    def __init__(self, said: str, position: int) -> None:
        """Remember the first byte of the log that DuckDB could not use."""
        super().__init__(said)
        self.position = position

    @classmethod
    def where_it_is(cls, path: Path, error: duckdb.Error, said: str) -> "DamagedLog | None":
        """Return it where that is what DuckDB's error says, and the log is ours to cut."""
        text = str(error)
        if "WAL" not in text or not _is_ours(path, _content(log_of(path))):
            return None
        if found := _DAMAGED_AT.search(text):
            return cls(said, int(found[1]))
        return cls(said, 0) if _OF_ANOTHER_FILE in text else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Loss:
    """What a damaged log has that the store has not."""

    num_whole: int | None
    """Bytes of it that hold whole transactions: they are in the store. None for a log of a form
    that nobody here knows."""
    num_bytes: int
    kept: Path
    """All of the log, as it was."""

    def describe(self, path: Path, connection: duckdb.DuckDBPyConnection) -> str:
        """Say in a line what was lost, as far as anyone can know."""
        what = (
            f"was cut off or damaged after {self.num_whole} of {self.num_bytes} bytes. "
            "What came after"
            if self.num_whole is not None
            else f"does not begin as one, and DuckDB takes it for none. What its {self.num_bytes} "
            "bytes may hold"
        )
        return (
            f"{path}: the log of its last writes {what} is not in the store; all of the log is "
            f"kept in {self.kept.name}. {_last_comparison(connection)}"
        )


def log_of(path: Path) -> Path:
    """Return where DuckDB keeps a file's log while there is something in it."""
    return path.with_name(f"{path.name}.wal")


def kept_logs(path: Path) -> list[Path]:
    """List the damaged logs that were kept, oldest first."""
    return sorted(path.parent.glob(f"{log_of(path).name}.damaged-*"))


def is_damaged(path: Path) -> bool:
    """Say whether something of the log, if there is one, will be lost and is not kept yet."""
    content = _content(log_of(path))
    if _is_ours(path, content):
        return num_whole(content) < len(content)
    is_left = not content or _is_amidst_checkpoint(path)
    return not is_left and all(kept.read_bytes() != content for kept in kept_logs(path))


def is_unknown(path: Path) -> bool:
    """Say whether there is a log that is not ours to cut."""
    content = _content(log_of(path))
    return bool(content) and not _is_ours(path, content)


def num_whole(log: bytes) -> int:
    """Return how many of its bytes hold whole transactions; 0 where it is not of the known form."""
    header = _HEADER.match(log)
    if header is None:
        return 0
    at = whole = header.end()
    while at + _ENTRY.size <= len(log):
        start = at + _ENTRY.size
        at = start + _ENTRY.unpack_from(log, at)[0]
        if at <= len(log) and log[start:at] == _COMMIT:
            whole = at
    return whole


def rescue(waiting: Waiting, position: int | None) -> Loss | None:
    """Keep a damaged log; cut one of ours before `position` and what is no whole transaction.

    Returns None where there is nothing to do. Whoever calls holds the lock, and has seen that
    DuckDB opens the file or says that the log is damaged at `position`.
    """
    path, log = waiting.path, log_of(waiting.path)
    with _held(waiting):
        content = _content(log)
        if not _is_ours(path, content):
            return _keep(log, content, None) if is_damaged(path) else None
        whole = num_whole(content[:position])
        if whole == len(content):
            return None
        loss = _keep(log, content, whole)
        with log.open("r+b") as file:
            file.truncate(whole)
            os.fsync(file.fileno())
        return loss


def _keep(log: Path, content: bytes, whole: int | None) -> Loss:
    kept = log.with_name(f"{log.name}.damaged-{utc_now():%Y%m%dT%H%M%S%f}")
    write_atomically(kept, content)
    return Loss(num_whole=whole, num_bytes=len(content), kept=kept)


def _is_ours(path: Path, content: bytes) -> bool:
    """Say whether a log is of the form that we know, and the only one of its file."""
    return _HEADER.match(content) is not None and not _is_amidst_checkpoint(path)


def _is_amidst_checkpoint(path: Path) -> bool:
    log = log_of(path)
    return any(log.with_name(f"{log.name}.{end}").exists() for end in _DURING_CHECKPOINT)


def _content(log: Path) -> bytes:
    return log.read_bytes() if log.exists() else b""


@contextlib.contextmanager
def _held(waiting: Waiting) -> Iterator[None]:
    """Hold DuckDB's own lock, so that no other program opens the file meanwhile."""
    with waiting.path.open("r+b") as file:
        while True:
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except (BlockingIOError, PermissionError):
                if not waiting.pause(_PAUSE_S):
                    raise waiting.in_vain() from None
        yield


def _last_comparison(connection: duckdb.DuckDBPyConnection) -> str:
    try:
        row = connection.execute("SELECT count(*), max(created_at) FROM comparisons").fetchone()
    except duckdb.CatalogException:
        return "It holds no comparisons."
    if row is None or row[1] is None:
        return "No comparison is in it."
    return f"Comparisons up to {row[1]:%Y-%m-%d %H:%M:%S} UTC are in it, {row[0]} in all."
