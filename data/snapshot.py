"""Snapshots: an exported, hashed, immutable set of comparisons (Parquet and a manifest).

Whoever fits a reward reads one of these and never the live store. The hash is of the rows, so the
same comparisons are the same snapshot, whenever and wherever it is taken.
"""

import dataclasses
import hashlib
import json
import secrets
import shutil
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import pyarrow
import pyarrow.parquet

from data.errors import SnapshotMismatch, StoreError, WorkspaceError
from data.files import DIGEST_DIGITS, canonical_json, write_atomically
from data.records import Aspect, ChosenBy, RaterKind, Split, utc_now
from data.workspace import Workspace, workspace_option

_ROWS_FILE = "comparisons.parquet"
_MANIFEST_FILE = "manifest.json"
_PART = 1024
"""Rows that are read together."""

_QUERY = """
    SELECT comparison_id, pair_id, now.round, pairs.prompt_id, prompts.text AS prompt, family,
        split, a.sha256 AS image_a, b.sha256 AS image_b, a.policy AS policy_a, b.policy AS policy_b,
        CASE WHEN choice NOT IN ('left', 'right') THEN choice
            WHEN (choice = 'left') = (shown_left = pairs.image_a) THEN 'a' ELSE 'b' END AS choice,
        CASE WHEN shown_left = pairs.image_a THEN 'a' ELSE 'b' END AS shown_left,
        rater_id, kind AS rater_kind, aspect, milliseconds, now.created_at,
        chosen_by, propensity
    FROM current_comparisons AS now
        JOIN pairs USING (pair_id)
        JOIN images AS a ON a.image_id = pairs.image_a
        JOIN images AS b ON b.image_id = pairs.image_b
        JOIN distinct_prompts AS prompts ON prompts.prompt_id = pairs.prompt_id
    WHERE kind IN (SELECT unnest(?::VARCHAR[]))
        AND (CAST(? AS BIGINT[]) IS NULL OR now.round IN (SELECT unnest(?::BIGINT[])))
    ORDER BY comparison_id"""


@dataclass(frozen=True, kw_only=True, slots=True)
class SnapshotRow:
    """One comparison with all that is needed to learn from it."""

    comparison_id: str
    pair_id: str
    round: int
    prompt_id: str
    prompt: str
    family: str
    split: Split
    image_a: str
    """SHA-256 of the image's file, as is `image_b`."""
    image_b: str
    policy_a: str
    policy_b: str
    choice: Literal["a", "b", "tie", "both_bad", "skip"]
    """In terms of the images, whichever side they were shown on."""
    shown_left: Literal["a", "b"]
    rater_id: str
    rater_kind: RaterKind
    aspect: Aspect
    milliseconds: int
    created_at: datetime
    chosen_by: ChosenBy = ChosenBy.CHANCE
    propensity: float = 1.0
    """With which the pair was drawn, where it was chosen for its information."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """A verified snapshot in the folder `path`."""

    path: Path
    hash: str
    counts: dict[RaterKind, dict[str, int]]
    """Rows by rater kind and choice; simulated comparisons never hide among people's."""
    schema_version: int
    created_at: datetime
    verified_rows: tuple[SnapshotRow, ...] = dataclasses.field(repr=False)

    @classmethod
    def open(cls, path: Path) -> "Snapshot":
        """Read a snapshot's folder; rows that are not the manifest's raise `SnapshotMismatch`."""
        if not path.is_dir():
            raise WorkspaceError(f"no snapshot at {path}; expected a folder with {_MANIFEST_FILE}")
        try:
            manifest = json.loads((path / _MANIFEST_FILE).read_bytes())
            rows = _read_rows(path / _ROWS_FILE)
            promised = (manifest["hash"], manifest["rows"])
            found = (_hash_of(rows), len(rows))
            snapshot = cls(
                path=path,
                hash=manifest["hash"],
                counts=_count(rows),
                schema_version=manifest["schema_version"],
                created_at=datetime.fromisoformat(manifest["created_at"]),
                verified_rows=rows,
            )
        except (OSError, ValueError, LookupError, TypeError, pyarrow.ArrowException) as error:
            raise SnapshotMismatch(
                f"snapshot {path} is damaged ({_first_line(error)}); delete it and take it again"
            ) from error
        if promised != found:
            raise SnapshotMismatch(
                f"snapshot {path} was altered: its manifest promises {promised[1]} rows with hash"
                f" {promised[0]}, and it holds {found[1]} with {found[0]}; delete it and take it"
                " again"
            )
        return snapshot

    def rows(self) -> list[SnapshotRow]:
        """List the rows, in the order of their comparison ids."""
        return list(self.verified_rows)

    @property
    def workspace(self) -> Workspace:
        """The workspace that the snapshot lies in."""
        return Workspace(self.path.resolve().parents[1])

    def image_bytes(self, sha256: str) -> bytes:
        """Return an image's original bytes from the workspace that the snapshot lies in."""
        return self.workspace.read_image(sha256)


def take_snapshot(
    workspace: Workspace,
    *,
    kinds: Sequence[RaterKind] | None = None,
    rounds: Sequence[int] | None = None,
) -> Snapshot:
    """Export the current comparisons, of some rater kinds or rounds where asked.

    The store is held for one query only. The same comparisons give the same folder, and the second
    time nothing is written. No comparison at all is a `StoreError`.
    """
    store = workspace.store()
    wanted_kinds = [kind.value for kind in (RaterKind if kinds is None else kinds)]
    wanted_rounds = None if rounds is None else list(rounds)
    with store.reading() as connection:
        found = connection.execute(_QUERY, [wanted_kinds, wanted_rounds, wanted_rounds]).fetchall()
    names = [field.name for field in dataclasses.fields(SnapshotRow)]
    rows = tuple(_row(dict(zip(names, values, strict=True))) for values in found)
    if not rows:
        asked = " of the kinds and rounds asked for" if kinds or rounds else ""
        raise StoreError(
            f"no comparisons{asked} in {store.place}; compare pairs in the browser first, with"
            f" `tastemaker label {workspace_option(workspace.root)}`"
        )
    folder = workspace.snapshots / _hash_of(rows)
    if not folder.exists():
        _write(folder, rows, store.schema_version())
    return Snapshot.open(folder)


def _write(folder: Path, rows: Sequence[SnapshotRow], schema_version: int) -> None:
    """Write the folder aside and rename it; whoever else did so first has written the same."""
    manifest = {
        "hash": folder.name,
        "rows": len(rows),
        "counts": _count(rows),
        "schema_version": schema_version,
        "created_at": utc_now().isoformat(),
    }
    aside = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    try:
        write_atomically(aside / _ROWS_FILE, _as_parquet(rows))
        write_atomically(aside / _MANIFEST_FILE, json.dumps(manifest, indent=2) + "\n")
        try:
            aside.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _as_parquet(rows: Sequence[SnapshotRow]) -> bytes:
    kinds = {
        int: pyarrow.int64(),
        float: pyarrow.float64(),
        datetime: pyarrow.timestamp("us"),
    }
    fields = dataclasses.fields(SnapshotRow)
    schema = pyarrow.schema([(f.name, kinds.get(f.type, pyarrow.string())) for f in fields])
    columns = [
        pyarrow.array([getattr(row, f.name) for row in rows], schema.field(f.name).type)
        for f in fields
    ]
    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(pyarrow.Table.from_arrays(columns, schema=schema), sink)
    return sink.getvalue().to_pybytes()


def _read_rows(path: Path) -> tuple[SnapshotRow, ...]:
    table = pyarrow.parquet.read_table(pyarrow.BufferReader(path.read_bytes()))
    return tuple(_row(values) for part in table.to_batches(_PART) for values in part.to_pylist())


def _row(values: dict[str, Any]) -> SnapshotRow:
    """Make a row; of what rows repeat, such as prompts, one copy is in memory."""
    kinds = {"rater_kind": RaterKind, "aspect": Aspect, "chosen_by": ChosenBy}
    # Snapshots that were taken before pairs could be chosen have fewer columns.
    known = {name: kind(values[name]) for name, kind in kinds.items() if name in values}
    shared = {name: sys.intern(each) for name, each in values.items() if isinstance(each, str)}
    return SnapshotRow(**{**values, **shared, **known})


def _hash_of(rows: Sequence[SnapshotRow]) -> str:
    """Return `digest` of the sorted rows, without all of their JSON in memory at once."""
    digester = hashlib.sha256(b"[")
    for number, row in enumerate(sorted(rows, key=lambda row: row.comparison_id)):
        digester.update(b"," * bool(number) + canonical_json(_told(row)).encode())
    digester.update(b"]")
    return digester.hexdigest()[:DIGEST_DIGITS]


def _told(row: SnapshotRow) -> dict[str, Any]:
    """Leave out how chance chose, which old rows do not say: they keep their hash."""
    told = {field.name: getattr(row, field.name) for field in dataclasses.fields(row)}
    if row.chosen_by is ChosenBy.CHANCE:
        del told["chosen_by"], told["propensity"]
    return told


def _count(rows: Sequence[SnapshotRow]) -> dict[RaterKind, dict[str, int]]:
    counted = Counter((row.rater_kind, row.choice) for row in rows)
    return {
        kind: {choice: n for (of, choice), n in sorted(counted.items()) if of is kind}
        for kind in RaterKind
    }


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
