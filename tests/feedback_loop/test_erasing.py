import json
import os
import shutil
import time
from pathlib import Path

import pytest

from data.duckdb_log import kept_logs, log_of
from data.errors import UnknownRecord, WorkspaceError
from data.records import RaterKind
from data.snapshot import take_snapshot
from data.unfinished_snapshots import unfinished_snapshots
from feedback_loop.__main__ import dispatch
from feedback_loop.generate import generate
from feedback_loop.rounds import at_work_alone


def test_a_rater_is_erased_only_with_a_word_more(loop, compare, capsys):
    generate(loop, 1)
    compare(loop, 1, name="Ada")
    store, workspace = loop.store, loop.workspace
    num = len(store.comparisons())
    assert num > 0
    taken = take_snapshot(workspace)
    words = ["erase", "Ada", "--workspace", str(workspace.root)]
    capsys.readouterr()
    dispatch(words)
    said = capsys.readouterr().out
    assert f"would erase Ada: {num} answers" in said
    assert str(taken.path) in said
    assert store.find_rater("Ada", RaterKind.PERSON) is not None
    dispatch([*words, "--yes"])
    assert f"erased Ada: {num} answers" in capsys.readouterr().out
    assert store.find_rater("Ada", RaterKind.PERSON) is None
    assert store.comparisons() == []
    with pytest.raises(UnknownRecord, match=r"no rater 'Ada' of kind person .*there is none"):
        dispatch(words)


def test_no_name_survives_in_a_damaged_log(loop, compare, capsys):
    generate(loop, 1)
    compare(loop, 1, name="Ada")
    log = log_of(loop.workspace.store_path)
    log.write_bytes(b"damaged, and in it is Ada")
    words = ["erase", "Ada", "--workspace", str(loop.workspace.root)]
    dispatch(words)
    [kept] = kept_logs(loop.workspace.store_path)
    assert f"would delete a damaged log, perhaps with their answers: {kept}" in (
        capsys.readouterr().out
    )
    assert kept.is_file()
    dispatch([*words, "--yes"])
    assert f"deleted a damaged log, perhaps with their answers: {kept}" in capsys.readouterr().out
    beside = loop.workspace.store_path.parent.glob("*preferences.duckdb*")
    assert b"Ada" not in b"".join(path.read_bytes() for path in beside)
    kept.touch()
    with pytest.raises(UnknownRecord, match=f"delete them by hand: {kept}"):
        dispatch(words)


def test_backups_of_an_upgrade_go_too_and_what_names_the_rater_is_said(loop, compare, capsys):
    generate(loop, 1)
    compare(loop, 1, name="Ada")
    rater = loop.store.find_rater("Ada", RaterKind.PERSON)
    store_path, workspace = loop.workspace.store_path, loop.workspace
    backup = shutil.copy(store_path, store_path.with_name(f"{store_path.name}.v3.backup"))
    metrics = workspace.rewards / "round-1" / "metrics.json"
    metrics.parent.mkdir()
    metrics.write_text(json.dumps({"held_out_by": {"rater": [{"name": rater.rater_id}]}}))
    page = workspace.report / "index.html"
    page.write_text(f"<td><code>{rater.rater_id[:8]}</code> person</td>")
    (workspace.report / "summary.json").write_text("{}")
    words = ["erase", "Ada", "--workspace", str(workspace.root)]
    capsys.readouterr()
    dispatch(words)
    said = capsys.readouterr().out
    assert f"would delete a backup of before, perhaps with their answers: {backup}" in said
    named = [line for line in said.splitlines() if line.startswith("still with their id")]
    assert [str(path) in line for path, line in zip((page, metrics), named, strict=True)]
    assert backup.is_file()
    dispatch([*words, "--yes"])
    said = capsys.readouterr().out
    assert f"deleted a backup of before, perhaps with their answers: {backup}" in said
    assert str(metrics) in said
    assert not backup.exists()


def test_what_a_kill_left_of_a_snapshot_goes_too(loop, compare, capsys, monkeypatch):
    generate(loop, 1)
    compare(loop, 1, name="Ada")
    workspace = loop.workspace
    with monkeypatch.context() as patch:
        patch.setattr("data.snapshot.shutil.rmtree", lambda *_, **__: None)  # as killed before it
        patch.setattr(Path, "rename", lambda *_: None)
        with pytest.raises(WorkspaceError, match="no snapshot"):
            take_snapshot(workspace)
    (left,) = unfinished_snapshots(workspace)
    torn = workspace.rewards / ".torn.tmp"
    torn.touch()
    words = ["erase", "Ada", "--workspace", str(workspace.root)]
    capsys.readouterr()
    dispatch(words)
    assert f"perhaps with their answers: {left} (a snapshot under way" in capsys.readouterr().out
    for path in (left, torn):
        os.utime(path, (time.time() - 4000,) * 2)
    dispatch(words)
    assert f"would delete a snapshot that was killed, perhaps with their answers: {left}" in (
        capsys.readouterr().out
    )
    assert left.is_dir()
    dispatch([*words, "--yes"])
    assert f"deleted a snapshot that was killed, perhaps with their answers: {left}" in (
        capsys.readouterr().out
    )
    assert list(workspace.snapshots.iterdir()) == []
    assert not torn.exists()


def test_a_round_clears_away_what_kills_left_of_snapshots(loop):
    old, new = (loop.workspace.snapshots / name for name in (".0123.4567", ".0123.89ab"))
    for path in (old, new):
        path.mkdir()
    os.utime(old, (time.time() - 4000,) * 2)
    with at_work_alone(loop):
        assert unfinished_snapshots(loop.workspace) == [new]
