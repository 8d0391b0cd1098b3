"""Forgetting a rater: what the store has of them, and where else their answers are."""

from pathlib import Path

from data.duckdb_log import kept_logs
from data.errors import UnknownRecord
from data.records import RaterKind
from data.snapshot import Snapshot
from data.workspace import Workspace
from feedback_loop.terminal import say


def erase(workspace: Workspace, name: str, kind: RaterKind, *, for_good: bool) -> None:
    """Erase a rater's comparisons and name, or say what would go; name the snapshots they are in.

    Damaged logs that were kept go too: nobody can search what is damaged for a name.
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
    for path in kept_logs(workspace.store_path):
        _erase_log(path, for_good=for_good)


def _nobody(workspace: Workspace, name: str, kind: RaterKind) -> UnknownRecord:
    store = workspace.store()
    known = ", ".join(r.name for r in store.raters() if r.kind is kind) or "none"
    said = f"no rater {name!r} of kind {kind} in {store.place}; there is {known}"
    kept = ", ".join(map(str, kept_logs(workspace.store_path)))
    advice = f"; damaged logs that may have the name are there, delete them by hand: {kept}"
    return UnknownRecord(said + advice * bool(kept))


def _erase_log(path: Path, *, for_good: bool) -> None:
    if for_good:
        path.unlink()
    word = "deleted" if for_good else "would delete"
    say(f"{word} a damaged log, perhaps with their answers: {path}")


def _snapshots_with(workspace: Workspace, rater_id: str) -> list[Path]:
    taken = [path for path in sorted(workspace.snapshots.iterdir()) if path.is_dir()]
    return [
        path
        for path in taken
        if not path.name.startswith(".")
        and any(row.rater_id == rater_id for row in Snapshot.open(path).verified_rows)
    ]
