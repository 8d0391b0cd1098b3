"""Comparisons of a workspace's own pairs as a table: out, and in again on the same pairs."""

import dataclasses
import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.errors import ConfigError, StoreError
from data.files import write_atomically
from data.records import Aspect, Choice, Comparison, Pair, Rater, RaterKind
from data.snapshot import SnapshotRow, take_snapshot
from data.store import Batch
from data.workspace import Workspace
from feedback_loop.terminal import say

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".csv", ".jsonl", ".parquet")
_COLUMNS = (*(field.name for field in dataclasses.fields(SnapshotRow)), "rater")
_NEEDED = (
    "comparison_id", "pair_id", "choice", "shown_left", "rater_id", "rater", "rater_kind",
    "aspect", "milliseconds",
)  # fmt: skip


def export_comparisons(workspace: Workspace, file: Path, kind: RaterKind | None) -> None:
    """Write current comparisons with the columns of a snapshot, and the rater's name."""
    import pandas as pd

    _check_suffix(file)
    snapshot = take_snapshot(workspace, kinds=None if kind is None else [kind])
    names = {rater.rater_id: rater.name for rater in workspace.store().raters()}
    rows = [_as_row(row, names[row.rater_id]) for row in snapshot.rows()]
    write_atomically(file, _encode(pd.DataFrame(rows, columns=list(_COLUMNS)), file.suffix))
    counts = {k.value: sum(choices.values()) for k, choices in snapshot.counts.items()}
    said = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    say(f"{file}: {len(rows)} comparisons ({said}), snapshot {snapshot.hash}")


def _as_row(row: SnapshotRow, rater: str) -> dict[str, Any]:
    values = {field.name: getattr(row, field.name) for field in dataclasses.fields(row)}
    texts = {"rater_kind": row.rater_kind.value, "aspect": row.aspect.value}
    return values | texts | {"created_at": row.created_at.isoformat(), "rater": rater}


def _encode(frame: "pd.DataFrame", suffix: str) -> bytes:
    file = io.BytesIO()
    if suffix == ".csv":
        frame.to_csv(file, index=False)
    elif suffix == ".jsonl":
        frame.to_json(file, orient="records", lines=True, force_ascii=False)
    else:
        frame.to_parquet(file, index=False)
    return file.getvalue()


def import_comparisons(workspace: Workspace, file: Path) -> None:
    """Record the comparisons of a file, with when they were made; what does not fit refuses all.

    `ConfigError` where the file cannot be read, `StoreError` where a row is none of this workspace.
    """
    store = workspace.store()
    rows = _read(file)
    pairs = {pair.pair_id: pair for pair in store.pairs()}
    known = {comparison.comparison_id for comparison in store.comparison_events()}
    new = [row for row in rows if str(row["comparison_id"]) not in known]
    comparisons = [_comparison(row, pairs, file) for row in new]
    raters = {str(row["rater_id"]): _rater(row, file) for row in new}
    store.add_batch(Batch(raters=list(raters.values()), comparisons=comparisons))
    say(f"{file}: {len(new)} comparisons added, {len(rows) - len(new)} were there already")


def _rater(row: dict[str, Any], file: Path) -> Rater:
    kind = _one_of(list(RaterKind), row, "rater_kind", file)
    return Rater(rater_id=str(row["rater_id"]), name=str(row["rater"]), kind=RaterKind(kind))


def _comparison(row: dict[str, Any], pairs: dict[str, Pair], file: Path) -> Comparison:
    pair = pairs.get(str(row["pair_id"]))
    if pair is None:
        raise StoreError(
            f"{file} has a comparison of pair {row['pair_id']}, which is not in this workspace; "
            "expected comparisons of its own pairs"
        )
    left_is_a = _one_of(("a", "b"), row, "shown_left", file) == "a"
    choices = {choice.value: choice for choice in (Choice.TIE, Choice.BOTH_BAD, Choice.SKIP)}
    choices |= {"a": Choice.LEFT, "b": Choice.RIGHT}
    if not left_is_a:
        choices |= {"a": Choice.RIGHT, "b": Choice.LEFT}
    try:
        made = Comparison.new(
            pair_id=pair.pair_id,
            rater_id=str(row["rater_id"]),
            choice=choices[_one_of(list(choices), row, "choice", file)],
            shown_left=pair.image_a if left_is_a else pair.image_b,
            aspect=Aspect(row["aspect"]),
            milliseconds=int(row["milliseconds"]),
            idempotency_key=f"import:{row['comparison_id']}",
        )
        return dataclasses.replace(
            made,
            comparison_id=str(row["comparison_id"]),
            created_at=_time(row) if "created_at" in row else made.created_at,
        )
    except (TypeError, ValueError) as error:
        raise StoreError(f"{file}, comparison {row['comparison_id']}: {error}") from None


def _one_of(known: Sequence[str], row: dict[str, Any], column: str, file: Path) -> str:
    if row[column] not in known:
        raise StoreError(
            f"{file}, comparison {row['comparison_id']}: column {column!r}: expected one of "
            f"{', '.join(known)}, got {row[column]!r}"
        )
    return str(row[column])


def _time(row: dict[str, Any]) -> datetime:
    """Return when a comparison was made, in UTC without saying so, as the store has it."""
    told = datetime.fromisoformat(str(row["created_at"]))
    return told if told.tzinfo is None else told.astimezone(UTC).replace(tzinfo=None)


def _read(file: Path) -> list[dict[str, Any]]:
    import pandas as pd

    _check_suffix(file)
    if not file.is_file():
        raise ConfigError(f"{file}: no such file; expected a table of comparisons")
    try:
        if file.suffix == ".csv":
            frame = pd.read_csv(file, dtype=str, keep_default_na=False)
        elif file.suffix == ".jsonl":
            lines = file.read_text(encoding="utf-8").splitlines()
            frame = pd.DataFrame([json.loads(line) for line in lines])
        else:
            frame = pd.read_parquet(file)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file} cannot be read as {file.suffix[1:]} ({error})") from None
    if missing := [column for column in _NEEDED if column not in frame.columns]:
        raise ConfigError(f"{file} has no column {missing[0]!r}; expected {', '.join(_NEEDED)}")
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def _check_suffix(file: Path) -> None:
    if file.suffix not in SUFFIXES:
        raise ConfigError(f"{file}: expected a name that ends in {', '.join(SUFFIXES)}")
