"""Forgetting a rater: what the store has of them, and where else their answers are."""

import shutil
from pathlib import Path

from data.duckdb_log import kept_logs
from data.duckdb_schema import kept_backups
from data.errors import UnknownRecord
from data.files import remove_leftovers
from data.records import RaterKind
from data.snapshot import Snapshot
from data.unfinished_snapshots import killed_snapshots, unfinished_snapshots
from data.workspace import Workspace
from feedback_loop.readable import short_id
from feedback_loop.terminal import say


def erase(workspace: Workspace, name: str, kind: RaterKind, *, for_good: bool) -> None:
    """Erase a rater's comparisons and name, or say what would go; name the snapshots they are in.

    Damaged logs that were kept go too: nobody can search what is damaged for a name. So do backups
    of the store as it was before an upgrade, and what kills left of snapshots and of other files.
    What else names the rater by id is said.
    Raises `UnknownRecord` where there is nobody of that name and kind.
    """
    store = workspace.store()
    rater = store.find_rater(name, kind)
    if rater is None:
        raise _nobody(workspace, name, kind)
    events = [e for e in store.comparison_events() if e.rater_id == rater.rater_id]
    holding = _snapshots_with(workspace, rater.rater_id)
    if for_good:
        store.erase_rater(rater.rater_id)
        say(f"erased {name}: {len(events)} answers, undone ones included")
    else:
        say(f"would erase {name}: {len(events)} answers, undone ones included; add --yes to do it")
    for path in holding:
        say(f"still with their answers: {path} (delete it by hand, and what was fitted on it)")
    for path in _files_with_id(workspace, rater.rater_id):
        say(f"still with their id and how their choices were foreseen: {path} (delete it by hand)")
    _clear_away(workspace, for_good=for_good)


def _clear_away(workspace: Workspace, *, for_good: bool) -> None:
    """Delete what nobody needs and may hold what was erased, or say what would go."""
    for path, what in _left_behind(workspace).items():
        _erase_file(path, what, for_good=for_good)
    if for_good:
        remove_leftovers(workspace.root)
    for path in set(unfinished_snapshots(workspace)) - set(killed_snapshots(workspace)):
        say(f"perhaps with their answers: {path} (a snapshot under way; delete it if it stays)")


def _left_behind(workspace: Workspace) -> dict[Path, str]:
    """Name what may lie in the workspace with rows that were erased from the store."""
    logs, backups = kept_logs(workspace.store_path), kept_backups(workspace.store_path)
    killed = dict.fromkeys(killed_snapshots(workspace), "a snapshot that was killed")
    return (
        dict.fromkeys(logs, "a damaged log") | dict.fromkeys(backups, "a backup of before") | killed
    )


def _nobody(workspace: Workspace, name: str, kind: RaterKind) -> UnknownRecord:
    store = workspace.store()
    known = ", ".join(r.name for r in store.raters() if r.kind is kind) or "none"
    said = f"no rater {name!r} of kind {kind} in {store.place}; there is {known}"
    kept = ", ".join(map(str, _left_behind(workspace)))
    advice = f"; files that may have the name are there, delete them by hand: {kept}"
    return UnknownRecord(said + advice * bool(kept))


def _erase_file(path: Path, what: str, *, for_good: bool) -> None:
    if for_good and path.is_dir():
        shutil.rmtree(path)
    elif for_good:
        path.unlink()
    word = "deleted" if for_good else "would delete"
    say(f"{word} {what}, perhaps with their answers: {path}")


def _files_with_id(workspace: Workspace, rater_id: str) -> list[Path]:
    """List reward models' metrics and the report's files that tell how a rater's choices were met.

    The page has only the beginning of an id.
    """
    said = (rater_id, f"<code>{short_id(rater_id)}</code>")
    files = [*workspace.rewards.glob("*/metrics.json"), *workspace.report.glob("*.*")]
    return [
        path
        for path in sorted(files)
        if path.suffix in (".json", ".html")
        and any(text in path.read_text(encoding="utf-8") for text in said)
    ]


def _snapshots_with(workspace: Workspace, rater_id: str) -> list[Path]:
    taken = [path for path in sorted(workspace.snapshots.iterdir()) if path.is_dir()]
    return [
        path
        for path in taken
        if not path.name.startswith(".")
        and any(row.rater_id == rater_id for row in Snapshot.open(path).verified_rows)
    ]
