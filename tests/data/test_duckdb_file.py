"""Processes that hold the DuckDB file, or the lock beside it."""

import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from data.duckdb_file import DuckDBFile
from data.duckdb_instance import AttachedFile
from data.errors import StoreBusy, UnknownRecord
from data.records import Rater, RaterKind
from data.store import Store
from data.thread_line import line_of
from data.workspace import Workspace

Python = Callable[..., subprocess.Popen[str]]


def test_a_process_that_holds_the_file_is_waited_for(workspace: Workspace, python: Python):
    script = """
import sys, time, duckdb
with duckdb.connect(sys.argv[1]):
    print("held", flush=True)
    time.sleep(1.0)
"""
    holder = python(script, workspace.store_path)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    assert len(workspace.store().pairs()) == 6
    assert holder.communicate()[1] == ""


def test_the_store_waits_for_its_own_lock_too(workspace: Workspace, python: Python):
    """DuckDB 2.0.0 reads the header before it locks: without ours, rows get lost."""
    script = """
import fcntl, sys, time
with open(sys.argv[1] + ".lock", "a+b") as file:
    fcntl.lockf(file, fcntl.LOCK_EX)
    print("held", flush=True)
    time.sleep(60)
"""
    store = Store(DuckDBFile(workspace.store_path, patience_s=0.2))
    holder = python(script, workspace.store_path)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(StoreBusy, match="in use by another program"):
        store.prompts()
    holder.kill()
    holder.communicate()
    assert len(store.prompts()) == 1


def openings(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Return what fills with an entry for each opening from now on: whether it is to read only."""
    opened: list[bool] = []

    def count(path: Path, *, read_only: bool) -> AttachedFile:
        opened.append(read_only)
        return AttachedFile(path, read_only=read_only)

    monkeypatch.setattr("data.duckdb_opening.AttachedFile", count)
    return opened


def test_a_store_that_lingers_is_opened_once_for_what_comes_soon(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
):
    opened = openings(monkeypatch)
    monkeypatch.setattr("data.duckdb_opening._LONGEST_S", 60.0)
    store = workspace.store(linger_s=60)
    line = line_of(workspace.store_path)
    assert len(store.pairs()) == 6
    store.add_rater(Rater.new("ada", RaterKind.PERSON))
    assert len(workspace.store().raters()) == 2
    assert line.kept is not None
    assert opened == [False]
    line.close_idle()
    assert line.kept is None
    assert len(workspace.store().raters()) == 2


def test_another_process_need_not_wait_for_a_store_that_lingers(
    workspace: Workspace, python: Python, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("data.duckdb_opening._LONGEST_S", 60.0)
    workspace.store(linger_s=60).add_rater(Rater.new("ada", RaterKind.PERSON))
    assert line_of(workspace.store_path).kept is not None
    script = """
import sys
from pathlib import Path
from data.duckdb_file import DuckDBFile
from data.store import Store
print(len(Store.open(DuckDBFile(Path(sys.argv[1]), patience_s=5)).raters()))
"""
    assert python(script, workspace.store_path).communicate() == ("2\n", "")
    assert line_of(workspace.store_path).kept is None


def test_what_was_committed_outlives_a_kill_while_the_store_lingers(
    workspace: Workspace, python: Python
):
    script = """
import sys, time
from pathlib import Path
from data.records import Rater, RaterKind
from data.workspace import Workspace
store = Workspace.open(Path(sys.argv[1])).store(linger_s=60)
store.add_rater(Rater.new("ada", RaterKind.PERSON))
print("written", flush=True)
time.sleep(60)
"""
    writer = python(script, workspace.root)
    assert writer.stdout is not None
    assert writer.stdout.readline() == "written\n"
    writer.kill()
    writer.communicate()
    assert {rater.name for rater in workspace.store().raters()} >= {"ada"}


def test_threads_in_line_share_an_opening_and_then_let_go(
    workspace: Workspace, python: Python, monkeypatch: pytest.MonkeyPatch
):
    store, threads, told = workspace.store(), [], []
    opened = openings(monkeypatch)
    monkeypatch.setattr("data.duckdb_opening._LONGEST_S", 60.0)

    def look() -> None:
        told.append(len(store.pairs()))
        store.add_rater(Rater.new(f"rater {threading.get_ident()}", RaterKind.MODEL))

    with store.writing():
        threads = [threading.Thread(target=look) for _ in range(6)]
        for thread in threads:
            thread.start()
        while len(line_of(workspace.store_path)._waiting) < 6:
            time.sleep(0.001)
    for thread in threads:
        thread.join()
    assert told == [6] * 6
    assert opened == [False]
    assert len(store.raters()) == 7
    assert opened == [False, True]
    script = "import sys, duckdb; print(len(duckdb.connect(sys.argv[1]).table('raters')))"
    assert python(script, workspace.store_path).communicate() == ("7\n", "")


def test_other_processes_have_their_turn_beside_a_crowd(workspace: Workspace, python: Python):
    store, is_over = workspace.store(), threading.Event()

    def look_again_and_again() -> None:
        while not is_over.is_set():
            store.pairs()

    crowd = [threading.Thread(target=look_again_and_again) for _ in range(4)]
    for thread in crowd:
        thread.start()
    script = """
import sys
from pathlib import Path
from data.workspace import Workspace
store = Workspace.open(Path(sys.argv[1])).store()
print(sum(len(store.pairs()) for _ in range(5)))
"""
    try:
        assert python(script, workspace.root).communicate(timeout=60) == ("30\n", "")
    finally:
        is_over.set()
        for thread in crowd:
            thread.join()


def test_an_error_in_a_turn_keeps_nothing_open(workspace: Workspace):
    store = workspace.store()
    with pytest.raises(UnknownRecord):
        store.prompt("nobody's")
    with pytest.raises(duckdb.CatalogException), store.writing() as connection:
        connection.execute("DELETE FROM pairs; SELECT * FROM nowhere")
    assert line_of(workspace.store_path).kept is None
    assert len(store.pairs()) == 6
