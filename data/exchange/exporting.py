"""From a workspace into a folder in another data set's convention: a table, and images beside it.

The folder is written aside and renamed, so it is there whole or not at all. What a format cannot
say is counted and named.
"""

import secrets
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from data.errors import ExchangeError
from data.exchange.format import Container, Format
from data.exchange.gathering import PREFIX
from data.exchange.record import ExchangedComparison, Preference
from data.exchange.writing import write_table
from data.records import RaterKind
from data.snapshot import SnapshotRow, take_snapshot
from data.workspace import Workspace


@dataclass(frozen=True, kw_only=True, slots=True)
class Exported:
    """What was written."""

    table: Path
    by_kind: dict[RaterKind, int]
    left_out: dict[str, int]
    """How many comparisons the format cannot say, by what they say."""


def export_comparisons(
    workspace: Workspace,
    out: Path,
    form: Format,
    *,
    container: Container | None = None,
    kind: RaterKind | None = None,
) -> Exported:
    """Write the current comparisons, of one kind of rater where asked, into the new folder `out`.

    The table is `comparisons.parquet`, `.jsonl` or `.csv`; images lie in `images` beside it where
    the table does not hold them itself.
    """
    container = _checked(out, form, container)
    given = _comparisons(workspace, kind)
    left_out = Counter(reason for each in given if (reason := form.refuses(each)))
    kept = [each for each in given if not form.refuses(each)]
    if not kept:
        said = ", ".join(f"{count} {reason}" for reason, count in left_out.items())
        raise ExchangeError(f"{form.name} can say none of {said}; choose another format")
    out.parent.mkdir(parents=True, exist_ok=True)
    aside = out.with_name(f".{out.name}.{secrets.token_hex(4)}")
    aside.mkdir()
    try:
        name = f"comparisons.{container}"
        write_table(workspace, aside / name, form, form.write(kept))
        aside.replace(out)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    kinds = Counter(each.rater_kind for each in kept if each.rater_kind)
    return Exported(table=out / name, by_kind=dict(kinds), left_out=dict(left_out))


def _checked(out: Path, form: Format, container: Container | None) -> Container:
    """Return what to write, when there is a place for it."""
    if container is not None and container not in form.containers:
        raise ExchangeError(
            f"{form.name} is written as {' or '.join(form.containers)}, not as {container}"
        )
    if not out.name:
        raise ExchangeError(f"{out} is the folder you are in; choose a new folder")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ExchangeError(f"{out} is there already; choose a new folder")
    return container or form.containers[0]


def _comparisons(workspace: Workspace, kind: RaterKind | None) -> list[ExchangedComparison]:
    """Return the comparisons of a snapshot, so that it is on record what was given away."""
    snapshot = take_snapshot(workspace, kinds=None if kind is None else [kind])
    names = {rater.rater_id: rater.name for rater in workspace.store().raters()}
    rows = sorted(snapshot.rows(), key=lambda row: (row.created_at, row.comparison_id))
    return [_comparison(n, row, names[row.rater_id]) for n, row in enumerate(rows, start=1)]


def _comparison(number: int, row: SnapshotRow, rater: str) -> ExchangedComparison:
    return ExchangedComparison(
        row=number,
        prompt=row.prompt,
        image_a=row.image_a,
        image_b=row.image_b,
        policy_a=row.policy_a.removeprefix(PREFIX),
        policy_b=row.policy_b.removeprefix(PREFIX),
        preference=Preference(row.choice),
        a_is_left=row.shown_left == "a",
        rater=rater,
        rater_kind=row.rater_kind,
        aspect=row.aspect,
        milliseconds=row.milliseconds,
        created_at=row.created_at,
        comparison_id=row.comparison_id,
        family=row.family,
        split=row.split,
    )
