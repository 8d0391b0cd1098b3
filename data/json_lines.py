"""JSON lines: one object a line, and a line ends at a line feed alone.

JSON leaves U+2028, U+2029 and U+0085 as they are within a text; `str.splitlines` would cut there.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from data.files import write_atomically


def write_json_lines(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    """Write the file anew, whole or not at all."""
    lines = [json.dumps(record, ensure_ascii=False) + "\n" for record in records]
    write_atomically(path, "".join(lines))


def read_json_lines(path: Path) -> list[dict[str, Any]]:
    """Return the objects; a `ValueError` names the line that is none."""
    return list(_parsed(_lines(path)))


def read_growing_json_lines(path: Path) -> list[dict[str, Any]]:
    """Return the objects of a file that is added to: a last line without its end does not count."""
    return list(_parsed(_lines(path)[:-1]))


def _lines(path: Path) -> list[bytes]:
    """Cut bytes, not text: the last line may end amidst a character."""
    return path.read_bytes().split(b"\n")


def _parsed(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield _object(number, line)


def _object(number: int, line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line.decode())
    except ValueError as error:
        raise ValueError(f"line {number}: {error}") from None
    if not isinstance(found, dict):
        raise ValueError(f"line {number}: expected an object, got {str(found)[:60]}")  # noqa: TRY004
    return found
