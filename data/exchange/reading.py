"""Tables row by row: Parquet in small batches, JSONL and CSV by lines, a JSON list by elements."""

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

from data.errors import ExchangeError
from data.exchange.cells import Row

SUFFIXES = (".parquet", ".jsonl", ".json", ".csv")

_SPACES = re.compile(r"\s*")
_ROWS_AT_ONCE = 8
"""A row may hold two images of several megabytes each."""

_BUFFER = 2**16
_LONGEST_LINE = 64 * 2**20
_LONGEST_CELL = 2**20
"""Characters of a cell of CSV, which holds no images."""


_FAULTS = (csv.Error, pyarrow.ArrowException, OSError, ValueError, ArithmeticError, RecursionError)
"""What the parsers raise on what is no such table."""


def read_rows(file: Path) -> Iterator[Row]:
    """Yield the rows of a table in their order; `ExchangeError` where it is none."""
    readers = {
        ".parquet": _read_parquet,
        ".jsonl": _read_lines,
        ".json": _read_list,
        ".csv": _read_csv,
    }
    if file.suffix not in readers:
        raise ExchangeError(f"{file}: expected a name that ends in {', '.join(SUFFIXES)}")
    if not file.is_file():
        raise ExchangeError(f"{file}: no such file; expected a table of comparisons")
    number = 0
    try:
        for number, cells in enumerate(readers[file.suffix](file), start=1):
            yield Row(number, cells)
    except UnicodeDecodeError:
        raise ExchangeError(
            f"{file}, after row {number}: it is not UTF-8; save it in that encoding"
        ) from None
    except _FAULTS as error:
        if isinstance(error, OSError) and error.errno:  # the disk's fault, not the table's
            raise
        said = str(error).splitlines()[:1] or [type(error).__name__]
        raise ExchangeError(
            f"{file}, after row {number}: not readable as {file.suffix[1:]} ({said[0][:200]})"
        ) from None
    if number == 0:
        raise ExchangeError(f"{file} has no rows; expected at least one comparison")


def _read_parquet(file: Path) -> Iterator[dict[str, Any]]:
    # By default all of a file's images are fetched ahead.
    with pyarrow.parquet.ParquetFile(file, pre_buffer=False, buffer_size=_BUFFER) as table:
        names = table.schema_arrow.names
        if doubled := [name for name in names if names.count(name) > 1]:
            raise ExchangeError(f"{file} has the column {doubled[0]!r} twice; remove one")
        for batch in table.iter_batches(batch_size=_ROWS_AT_ONCE, use_threads=False):
            columns = [_without_nanoseconds(column).to_pylist() for column in batch.columns]
            for values in zip(*columns, strict=True):
                yield dict(zip(names, values, strict=True))


def _without_nanoseconds(column: pyarrow.Array) -> pyarrow.Array:
    """Round times to what the store keeps: microseconds."""
    if not pyarrow.types.is_timestamp(column.type):
        return column
    return column.cast(pyarrow.timestamp("us", tz=column.type.tz), safe=False)


def _read_lines(file: Path) -> Iterator[dict[str, Any]]:
    with file.open("rb") as lines:
        while line := lines.readline(_LONGEST_LINE + 1):
            if len(line) > _LONGEST_LINE:
                raise ValueError(f"a line has more than {_LONGEST_LINE} bytes")
            if text := line.decode("utf-8-sig").strip():
                yield _as_cells(json.loads(text))


def _read_list(file: Path) -> Iterator[dict[str, Any]]:
    """Decode a list of objects one by one; such files hold paths of images and never images."""
    text, decoder = file.read_text(encoding="utf-8-sig"), json.JSONDecoder()
    place = _after(text, 0, "[")
    place = _next_sign(text, place)
    while text[place : place + 1] != "]":
        value, place = decoder.raw_decode(text, place)
        yield _as_cells(value)
        place = _next_sign(text, place)
        if text[place : place + 1] != "]":
            place = _next_sign(text, _after(text, place, ","))
    if text[place + 1 :].strip():
        raise json.JSONDecodeError("expected the end after the list", text, place + 1)


def _next_sign(text: str, place: int) -> int:
    """Return the place of the next character that is no space."""
    found = _SPACES.match(text, place)
    return found.end() if found else place


def _after(text: str, place: int, sign: str) -> int:
    place = _next_sign(text, place)
    if text[place : place + 1] != sign:
        raise json.JSONDecodeError(f"expected {sign!r}", text, place)
    return place + 1


def _read_csv(file: Path) -> Iterator[dict[str, Any]]:
    csv.field_size_limit(_LONGEST_CELL)
    with file.open(encoding="utf-8-sig", newline="") as text:
        rows = csv.reader(text, strict=True)
        names = next(rows, [])
        if doubled := [name for name in names if names.count(name) > 1]:
            raise ExchangeError(f"{file} has the column {doubled[0]!r} twice; remove one")
        for values in rows:
            if not values:
                continue
            if len(values) != len(names):
                raise ValueError(f"expected {len(names)} cells in a row, got {len(values)}")
            yield dict(zip(names, values, strict=True))


def _as_cells(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("expected an object `{...}` in each row")  # noqa: TRY004  (of the text)
    return value
