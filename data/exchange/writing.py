"""Tables row by row, with the images in them or beside them."""

import csv
import json
import os
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

from data.exchange.format import HUGGING_FACE_IMAGE, Format, ImageCell
from data.workspace import Workspace

IMAGES = "images"
"""Folder beside the table."""

_ROWS_AT_ONCE = 8


def write_table(
    workspace: Workspace, file: Path, form: Format, rows: Iterator[dict[str, Any]]
) -> None:
    """Write rows as the file's suffix says; images are read one after another."""
    writers = {".parquet": _write_parquet, ".jsonl": _write_lines, ".csv": _write_csv}
    writers[file.suffix](workspace, file, form, rows)
    with file.open("rb") as written:
        os.fsync(written.fileno())


def _write_parquet(
    workspace: Workspace, file: Path, form: Format, rows: Iterator[dict[str, Any]]
) -> None:
    with pyarrow.parquet.ParquetWriter(file, form.schema) as table:
        while some := list(islice(rows, _ROWS_AT_ONCE)):
            filled = [
                {
                    field.name: _fill(row.get(field.name), field.type, workspace, file.parent)
                    for field in form.schema
                }
                for row in some
            ]
            table.write_table(pyarrow.Table.from_pylist(filled, schema=form.schema))


def _write_lines(
    workspace: Workspace, file: Path, form: Format, rows: Iterator[dict[str, Any]]
) -> None:
    with file.open("x", encoding="utf-8") as lines:
        for row in rows:
            filled = {
                name: _beside(row.get(name), workspace, file.parent) for name in form.schema.names
            }
            lines.write(json.dumps(filled, ensure_ascii=False, allow_nan=False) + "\n")


def _write_csv(
    workspace: Workspace, file: Path, form: Format, rows: Iterator[dict[str, Any]]
) -> None:
    with file.open("x", encoding="utf-8", newline="") as text:
        table = csv.DictWriter(text, form.schema.names)
        table.writeheader()
        for row in rows:
            table.writerow({n: _beside(value, workspace, file.parent) for n, value in row.items()})


def _fill(value: Any, kind: pyarrow.DataType, workspace: Workspace, folder: Path) -> Any:  # noqa: ANN401
    """Return a cell of Parquet: images are bytes where its type has room for them."""
    if isinstance(value, list) and pyarrow.types.is_list(kind):
        return [_fill(each, kind.value_type, workspace, folder) for each in value]
    if isinstance(value, ImageCell) and kind == HUGGING_FACE_IMAGE:
        path = workspace.image_path(value.sha256)
        return {"bytes": workspace.read_image(value.sha256), "path": path.name}
    if isinstance(value, ImageCell) and pyarrow.types.is_binary(kind):
        return workspace.read_image(value.sha256)
    return value if isinstance(value, datetime) else _beside(value, workspace, folder)


def _beside(value: Any, workspace: Workspace, folder: Path) -> Any:  # noqa: ANN401
    """Return a cell of text: images become files beside the table, and their paths."""
    if isinstance(value, list):
        return [_beside(each, workspace, folder) for each in value]
    if isinstance(value, ImageCell):
        name = f"{IMAGES}/{workspace.image_path(value.sha256).name}"
        if not (folder / name).exists():
            (folder / IMAGES).mkdir(exist_ok=True)
            (folder / name).write_bytes(workspace.read_image(value.sha256))
        return name
    return value.isoformat() if isinstance(value, datetime) else value
