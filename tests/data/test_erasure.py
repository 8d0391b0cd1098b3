"""A rater who asks to be forgotten is, in the files too."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from data.duckdb_file import DuckDBFile
from data.records import Choice, Comparison, Rater, RaterKind
from data.snapshot import take_snapshot
from data.store import Store
from data.workspace import Workspace

pytestmark = pytest.mark.both_engines


def test_an_erased_rater_is_gone_and_the_others_are_as_they_were(
    store: Store, ann: Rater, choose: Callable[..., Comparison]
):
    bob = Rater.new("Bob Nobody-Else-Has-This-Name", RaterKind.PERSON)
    store.add_rater(bob)
    first, second, third = store.pairs()[:3]
    store.record_many([choose(first), choose(second, Choice.TIE)])
    store.record_many([choose(pair, rater_id=bob.rater_id) for pair in (first, third)])
    store.take_back(bob.rater_id, 1, "undo")
    store.take_questions(bob.rater_id, 1, 2)
    before = [c for c in store.comparison_events() if c.rater_id == ann.rater_id]
    assert store.erase_rater(bob.rater_id) == 3
    assert store.comparison_events() == before
    assert store.raters() == [ann]
    assert len(store.take_questions(ann.rater_id, 1, 9)) == 4  # Bob's leases are over
    assert store.pairs()[:3] == [first, second, third]
    assert store.erase_rater(bob.rater_id) == 0
    if isinstance(store.engine, DuckDBFile):
        folder = store.engine.path.parent
        written = b"".join(path.read_bytes() for path in folder.glob(f"*{store.engine.path.name}*"))
        assert b"Nobody-Else-Has-This-Name" not in written


KILLED = """
import os, pathlib, sys
from data.workspace import Workspace
pathlib.Path.replace = lambda *_: os._exit(9)
Workspace(pathlib.Path(sys.argv[1])).store().erase_rater(sys.argv[2])
"""


def test_an_erasure_that_was_killed_is_as_if_it_had_not_begun(
    filled: Workspace, tmp_path: Path, python: Callable[..., subprocess.Popen[str]]
):
    shutil.copytree(filled.root, tmp_path / "workspace")
    workspace = Workspace(tmp_path / "workspace")
    bob = Rater.new("Bob Nobody-Else-Has-This-Name", RaterKind.PERSON)
    workspace.store().add_rater(bob)
    process = python(KILLED, workspace.root, bob.rater_id)
    process.communicate()
    assert process.returncode == 9
    assert bob in workspace.store().raters()
    workspace.store().erase_rater(bob.rater_id)
    assert bob not in workspace.store().raters()
    files = [path for path in workspace.root.rglob("*") if path.is_file()]
    assert [path for path in files if b"Nobody-Else-Has" in path.read_bytes()] == []


def test_where_the_file_is_a_link_what_it_leads_to_is_written_anew(
    filled: Workspace, tmp_path: Path
):
    shutil.copytree(filled.root, tmp_path / "workspace")
    workspace = Workspace(tmp_path / "workspace")
    bob = Rater.new("Bob Nobody-Else-Has-This-Name", RaterKind.PERSON)
    workspace.store().add_rater(bob)
    (tmp_path / "disk").mkdir()
    real = workspace.store_path.rename(tmp_path / "disk" / "real.duckdb")
    workspace.store_path.symlink_to(real)
    workspace.store().erase_rater(bob.rater_id)
    assert workspace.store_path.is_symlink()
    assert b"Nobody-Else-Has-This-Name" not in real.read_bytes()
    assert bob not in workspace.store().raters()
    left = sorted(path.name for path in real.parent.iterdir())
    assert left == ["real.duckdb", "real.duckdb.lock"]


def test_snapshots_made_later_do_not_hold_the_rater(
    workspace: Workspace, choose: Callable[..., Comparison], ann: Rater
):
    store = workspace.store()
    bob = Rater.new("Bob", RaterKind.PERSON)
    store.add_rater(bob)
    pairs = store.pairs()
    store.record_many([choose(pairs[0]), choose(pairs[1], rater_id=bob.rater_id)])
    earlier = take_snapshot(workspace)
    store.erase_rater(bob.rater_id)
    later = take_snapshot(workspace)
    assert {row.rater_id for row in earlier.verified_rows} == {ann.rater_id, bob.rater_id}
    assert {row.rater_id for row in later.verified_rows} == {ann.rater_id}
