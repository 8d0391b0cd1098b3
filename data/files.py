"""Files that appear whole or not at all, and the hashes that name content."""

import dataclasses
import datetime
import hashlib
import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

DIGEST_DIGITS = 16
_ASIDE = ".tmp"
_HOUR = 3600


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write `content` aside, force it to disk, then rename it onto `path`.

    Readers see the old file or the new one, never a part. Text is written as UTF-8. A failure
    (no space, no permission) leaves nothing behind and raises `OSError`.
    """
    with writing_atomically(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


@contextmanager
def writing_atomically(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write bit by bit what becomes `path`, as `write_atomically` does at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.parent / f".{secrets.token_hex(8)}{_ASIDE}"
    try:
        with aside.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except BaseException as error:
        aside.unlink(missing_ok=True)
        if isinstance(error, OSError):  # writing tells no file name, and never the one that matters
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    _sync_folder(path.parent)


def remove_leftovers(folder: Path) -> int:
    """Remove what killed writes left aside below a folder, and say how many there were.

    Only what is an hour old: no write takes as long, so none that is under way is touched.
    Others may write, rename and delete meanwhile.
    """
    # os.walk passes over a folder that is gone; Path.rglob does not.
    found = (Path(place, name) for place, _, names in os.walk(folder) for name in names)
    named = (path for path in found if path.match(f".*{_ASIDE}"))
    stale = [path for path in named if path.is_file() and is_left(path)]
    for path in stale:
        path.unlink(missing_ok=True)
    return len(stale)


def is_left(path: Path) -> bool:
    """Say whether what a write has aside is too old to be of one that is under way."""
    try:
        return path.stat().st_mtime < time.time() - _HOUR
    except FileNotFoundError:
        return False


def _sync_folder(folder: Path) -> None:
    """Force a rename to disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of(content: bytes | Path) -> str:
    """Return the 64 hex digits of SHA-256 of bytes, or of a file's bytes."""
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    with content.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def canonical_json(value: object) -> str:
    """Write `value` as JSON with one spelling only: sorted keys, no spaces, ASCII, no NaN.

    Dataclasses become objects, naive UTC datetimes ISO 8601 strings, paths POSIX strings.
    """
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), allow_nan=False, default=_as_json
    )


def digest(value: object) -> str:
    """Return 16 hex digits of SHA-256 over the canonical JSON of `value`."""
    return sha256_of(canonical_json(value).encode())[:DIGEST_DIGITS]


def _as_json(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, datetime.datetime):
        return value.isoformat(timespec="microseconds")
    if isinstance(value, Path):
        return value.as_posix()
    raise TypeError(f"{type(value).__name__} has no canonical JSON")
