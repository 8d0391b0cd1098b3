"""Processes that hold the DuckDB file, or the lock beside it."""

import subprocess
from collections.abc import Callable

import pytest

from data.duckdb_file import DuckDBFile
from data.errors import StoreBusy
from data.store import Store
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
