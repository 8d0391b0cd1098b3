"""Logs that a kill or a power cut has torn: the store opens, and says what was lost."""

import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from data.duckdb_file import DuckDBFile
from data.duckdb_log import is_damaged, kept_logs, log_of, num_whole, rescue
from data.errors import StoreBusy, StoreError
from data.store import Store
from data.waiting import Waiting
from data.workspace import Workspace

Python = Callable[..., subprocess.Popen[str]]

NUM_WRITES = 12
KILLED = """
import os, signal, sys
from pathlib import Path
import duckdb
from data.duckdb_instance import SETTINGS
from data.records import Choice, Comparison
from data.workspace import Workspace
workspace = Workspace.open(Path(sys.argv[1]))
store = workspace.store()
rater, pairs = store.raters()[0], store.pairs()
connection = duckdb.connect(workspace.store_path, config=SETTINGS)
for number in range(int(sys.argv[2])):
    pair = pairs[number % len(pairs)]
    comparison = Comparison.new(
        pair_id=pair.pair_id,
        rater_id=rater.rater_id,
        choice=Choice.LEFT,
        shown_left=pair.image_a,
        idempotency_key=str(number),
    )
    connection.begin()
    store.record_in(connection, [comparison])
    connection.commit()
os.kill(os.getpid(), signal.SIGKILL)
"""
RECORD = """
import sys, threading
from pathlib import Path
from data.records import Choice, Comparison
from data.workspace import Workspace
store = Workspace.open(Path(sys.argv[1])).store()
rater, pairs = store.raters()[0], store.pairs()
def write():
    for number in range(10_000):
        pair = pairs[number % len(pairs)]
        comparison = Comparison.new(
            pair_id=pair.pair_id,
            rater_id=rater.rater_id,
            choice=Choice.LEFT,
            shown_left=pair.image_a,
        )
        store.record_many([comparison])
        sys.stdout.write(comparison.comparison_id + "\\n")
        sys.stdout.flush()
for _ in range(int(sys.argv[2])):
    threading.Thread(target=write).start()
"""


@pytest.fixture
def killed(workspace: Workspace, python: Python) -> Workspace:
    """A workspace whose log holds twelve writes that no checkpoint has taken up."""
    writer = python(KILLED, workspace.root, NUM_WRITES)
    assert writer.communicate() == ("", "")
    return workspace


@pytest.fixture
def with_log(killed: Workspace, tmp_path: Path) -> Callable[[bytes | None], Store]:
    """Put the killed process's store back, with this log."""
    original = shutil.copytree(killed.root, tmp_path / "original")

    def put(log: bytes | None) -> Store:
        shutil.rmtree(killed.root)
        shutil.copytree(original, killed.root)
        log_of(killed.store_path).unlink()
        if log is not None:
            log_of(killed.store_path).write_bytes(log)
        return Store(DuckDBFile(killed.store_path))

    return put


@pytest.fixture
def log(killed: Workspace) -> bytes:
    return log_of(killed.store_path).read_bytes()


def keys(store: Store) -> list[str]:
    return [event.idempotency_key for event in store.comparison_events()]


def commits_of(log: bytes) -> list[int]:
    """Return where each of its transactions ends; what comes first is its header."""
    return sorted({num_whole(log[:size]) for size in range(len(log) + 1)} - {0})


def assert_lost(caplog: pytest.LogCaptureFixture, path: Path, damaged: bytes, num: int) -> None:
    """Check that one line says what is there, and that the damaged log is kept."""
    [line] = [record.getMessage() for record in caplog.records]
    [kept] = kept_logs(path)
    assert kept.read_bytes() == damaged
    assert kept.name in line
    assert f"{len(damaged)} bytes" in line
    assert (f"UTC are in it, {num} in all" if num else "No comparison is in it") in line
    caplog.clear()


def test_a_whole_log_is_taken_up_without_a_word(
    with_log: Callable, log: bytes, killed: Workspace, caplog: pytest.LogCaptureFixture
):
    assert len(commits_of(log)) == 1 + NUM_WRITES
    assert num_whole(log) == len(log)
    for path in (killed.store_path, with_log(log).engine.path):
        assert len(keys(Store(DuckDBFile(path)))) == NUM_WRITES
        assert kept_logs(path) == []
    assert caplog.records == []


def test_a_log_that_ends_too_soon_loses_its_last_write_alone(
    with_log: Callable, log: bytes, killed: Workspace, caplog: pytest.LogCaptureFixture
):
    commits = commits_of(log)
    sizes = {1, 20, *commits, *(c - 1 for c in commits), *(c + 1 for c in commits[:-1])}
    for size in sorted(sizes | set(range(0, len(log), len(log) // 23))):
        store = with_log(log[:size])
        whole = [commit for commit in commits if commit <= size]
        num = max(0, len(whole) - 1)
        assert keys(store) == [str(number) for number in range(num)]
        if size in (0, *commits):
            assert caplog.records == []
            assert kept_logs(killed.store_path) == []
        else:
            assert_lost(caplog, killed.store_path, log[:size], num)


def test_a_log_with_a_changed_byte_loses_what_comes_after(
    with_log: Callable, log: bytes, killed: Workspace, caplog: pytest.LogCaptureFixture
):
    commits = commits_of(log)
    places = [0, commits[0] - 1, *range(commits[0], len(log), len(log) // 37)]
    for place in [*places, *(commit + 2 for commit in commits[:-1]), len(log) - 19]:
        damaged = bytearray(log)
        damaged[place] ^= 0xFF
        store = with_log(bytes(damaged))
        num = max(0, sum(commit <= place for commit in commits) - 1)
        assert keys(store) == [str(number) for number in range(num)]
        assert_lost(caplog, killed.store_path, bytes(damaged), num)


@pytest.mark.parametrize("tail", [b"\0" * 4096, b"\x55" * 100], ids=["zeros", "garbage"])
def test_what_a_power_cut_leaves_after_the_last_write_is_kept(
    with_log: Callable,
    log: bytes,
    tail: bytes,
    killed: Workspace,
    caplog: pytest.LogCaptureFixture,
):
    store = with_log(log + tail)
    assert len(keys(store)) == NUM_WRITES
    assert_lost(caplog, killed.store_path, log + tail, NUM_WRITES)


def test_nobody_can_tell_that_a_log_is_missing(with_log: Callable, caplog):
    assert keys(with_log(None)) == []
    assert caplog.records == []


def test_a_log_of_an_older_file_is_kept(
    with_log: Callable, log: bytes, killed: Workspace, caplog: pytest.LogCaptureFixture
):
    store = with_log(log)
    # takes the log up, and closes without one
    store.take_back(store.raters()[0].rater_id, 1, "undone")
    log_of(killed.store_path).write_bytes(log)
    assert len(keys(store)) == NUM_WRITES + 1
    assert_lost(caplog, killed.store_path, log, NUM_WRITES + 1)


def test_a_mended_store_goes_on(
    with_log: Callable, log: bytes, killed: Workspace, caplog: pytest.LogCaptureFixture
):
    store = with_log(log[:-1])
    store.take_back(store.raters()[0].rater_id, 1, "undone")
    assert len(caplog.records) == 1
    assert keys(store) == [*(str(number) for number in range(NUM_WRITES - 1)), "undone"]
    assert len(kept_logs(killed.store_path)) == 1
    assert not log_of(killed.store_path).exists()
    assert len(caplog.records) == 1


def test_a_log_is_left_alone_while_another_program_has_the_file(
    with_log: Callable, log: bytes, killed: Workspace, python: Python
):
    with_log(log[:-1])
    script = """
import sys, time, duckdb
with duckdb.connect(sys.argv[1], read_only=True):
    print("held", flush=True)
    time.sleep(60)
"""
    holder = python(script, killed.store_path)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    impatient = Store(DuckDBFile(killed.store_path, patience_s=0.2))
    try:
        with pytest.raises(StoreBusy):
            impatient.comparison_events()
    finally:
        holder.kill()
        holder.communicate()
    assert log_of(killed.store_path).read_bytes() == log[:-1]
    assert kept_logs(killed.store_path) == []
    assert len(keys(impatient)) == NUM_WRITES - 1


UNKNOWN = {
    "an unknown version": lambda log: log.replace(b"d\0be\0\x02", b"d\0be\0\x09", 1),
    "the version of encrypted logs": lambda log: log.replace(b"d\0be\0\x02", b"d\0be\0\x03", 1),
    "an older version": lambda log: log.replace(b"d\0be\0\x02", b"d\0be\0\x01", 1),
    "an unknown header": lambda log: b"d\0bh" + log[4:],
    "zeros": lambda log: b"\0" * len(log),
    "a part of a header": lambda log: log[:20],
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_log_of_an_unknown_form_is_left_to_duckdb(
    name: str,
    with_log: Callable,
    log: bytes,
    killed: Workspace,
    caplog: pytest.LogCaptureFixture,
):
    unknown = UNKNOWN[name](log)
    assert unknown != log
    store = with_log(unknown)
    if is_refused := "version" in name and "older" not in name:
        with pytest.raises(
            StoreError, match="is of a form that this Tastemaker does not know"
        ) as e:
            keys(store)
        assert "\n" not in str(e.value)
    for _ in range(0 if is_refused else 2):  # the second time there is nothing more to say
        assert keys(store) == []
    assert log_of(killed.store_path).read_bytes() == unknown
    if is_refused:
        assert (kept_logs(killed.store_path), caplog.records) == ([], [])
    else:
        assert_lost(caplog, killed.store_path, unknown, 0)


def test_what_duckdb_writes_in_place_of_an_unknown_log_is_safe(
    with_log: Callable, log: bytes, killed: Workspace, python: Python, caplog
):
    zeros = b"\0" * len(log)
    with_log(zeros)
    _, said = python(KILLED, killed.root, 2).communicate()
    assert kept_logs(killed.store_path)[0].name in said
    assert keys(Store(DuckDBFile(killed.store_path))) == ["0", "1"]
    assert [kept.read_bytes() for kept in kept_logs(killed.store_path)] == [zeros]
    assert caplog.records == []


@pytest.mark.parametrize("end", ["checkpoint", "recovery"])
def test_what_a_kill_left_of_a_checkpoint_is_left_to_duckdb(
    end: str, with_log: Callable, log: bytes, killed: Workspace
):
    beside = killed.store_path.with_name(f"{log_of(killed.store_path).name}.{end}")
    for torn in (log[:-1], log[:20]):
        with_log(torn)
        beside.write_bytes(log)
        assert not is_damaged(killed.store_path)
        assert rescue(Waiting(killed.store_path, 1), 0) is None
        assert log_of(killed.store_path).read_bytes() == torn
        assert beside.read_bytes() == log
    assert kept_logs(killed.store_path) == []


def test_every_process_says_it_on_its_standard_error(
    with_log: Callable, log: bytes, killed: Workspace, python: Python
):
    with_log(log[:-1])
    script = """
import sys
from pathlib import Path
from data.workspace import Workspace
print(Workspace.open(Path(sys.argv[1])).store().counts().total)
"""
    _, said = python(script, killed.root).communicate()
    assert said.count("\n") == 1
    assert kept_logs(killed.store_path)[0].name in said
    assert python(script, killed.root).communicate()[1] == ""


@pytest.mark.parametrize("num_threads", [1, 4])
def test_a_writer_that_is_killed_again_and_again_loses_nothing_it_had_acknowledged(
    workspace: Workspace, python: Python, num_threads: int
):
    moments, acknowledged = random.Random(7), []
    for _ in range(8):
        writer = python(RECORD, workspace.root, num_threads)
        assert writer.stdout is not None
        acknowledged.append(writer.stdout.readline().strip())
        try:
            writer.wait(moments.uniform(0, 0.3))
        except subprocess.TimeoutExpired:
            writer.kill()
        acknowledged += writer.communicate()[0].splitlines()
    stored = [event.comparison_id for event in workspace.store().comparison_events()]
    assert len(set(stored)) == len(stored) <= len(acknowledged) + 8 * num_threads
    assert set(acknowledged) <= set(stored)
