"""Several processes and threads on one store, and processes that are killed."""

import contextlib
import subprocess
import threading
from collections.abc import Callable

import pytest

from data.records import Choice, Comparison, Rater, RaterKind
from data.snapshot import take_snapshot
from data.store import Store
from data.workspace import Workspace

WRITERS = ((0, 10_000), (1, 15), (2, 15))
"""Raters, and how many comparisons each records."""

pytestmark = pytest.mark.both_engines

Python = Callable[..., subprocess.Popen[str]]

RECORD = """
import sys
from pathlib import Path
from data.records import Choice, Comparison, Rater, RaterKind
from data.workspace import Workspace
store = Workspace.open(Path(sys.argv[1])).store()
rater = Rater.new(sys.argv[2], RaterKind.SIMULATED)
store.add_rater(rater)
pairs = store.pairs()
for number in range(int(sys.argv[3])):
    pair = pairs[number % len(pairs)]
    comparison = Comparison.new(
        pair_id=pair.pair_id,
        rater_id=rater.rater_id,
        choice=Choice.LEFT,
        shown_left=pair.image_a,
        idempotency_key=f"{sys.argv[2]} {number}",
    )
    store.record_many([comparison])
    print(comparison.idempotency_key, flush=True)
"""


def test_four_processes_write_at_once_while_another_reads(
    workspace: Workspace, refill: Callable[..., None], python: Python
):
    refill(workspace, num_pairs=19, round_number=2)
    writers = [python(RECORD, workspace.root, f"rater {i}", 25) for i in range(4)]
    seen = [0]
    for writer in writers:
        while writer.poll() is None:
            seen.append(workspace.store().counts().total)
            if seen[-1]:
                assert len(take_snapshot(workspace).rows()) >= seen[-1]
            with contextlib.suppress(subprocess.TimeoutExpired):
                writer.wait(0.5)
        out, said = writer.communicate()
        assert (writer.returncode, said) == (0, "")
        assert len(out.splitlines()) == 25
    assert seen == sorted(seen)
    assert workspace.store().counts().by_kind[RaterKind.SIMULATED] == 100
    events = workspace.store().comparison_events()
    assert len({event.idempotency_key for event in events}) == len(events) == 100


@pytest.mark.parametrize("num_acknowledged", [1, 6])
def test_a_killed_writer_loses_nothing_it_had_acknowledged(
    workspace: Workspace, python: Python, num_acknowledged: int
):
    writer = python(RECORD, workspace.root, "killed", 10_000)
    assert writer.stdout is not None
    acknowledged = [writer.stdout.readline().strip() for _ in range(num_acknowledged)]
    writer.kill()
    acknowledged += writer.communicate()[0].splitlines()
    stored = [event.idempotency_key for event in workspace.store().comparison_events()]
    # The last one may have been stored before it could be acknowledged.
    assert stored in (acknowledged, [*acknowledged, f"killed {len(acknowledged)}"])
    again = python(RECORD, workspace.root, "killed", len(acknowledged) + 3)
    assert again.communicate()[1] == ""
    events = workspace.store().comparison_events()
    assert [e.idempotency_key for e in events] == [f"killed {i}" for i in range(len(events))]


def test_one_of_several_writers_is_killed_and_the_others_go_on(
    workspace: Workspace, python: Python
):
    doomed, *others = [python(RECORD, workspace.root, f"rater {i}", n) for i, n in WRITERS]
    assert doomed.stdout is not None
    said = [doomed.stdout.readline() for _ in range(3)]
    doomed.kill()
    read = workspace.store().comparison_events()
    acknowledged = {line.strip() for line in (*said, *doomed.communicate()[0].splitlines())}
    for writer in others:
        out, complaint = writer.communicate()
        assert complaint == ""
        acknowledged |= set(out.splitlines())
    events = workspace.store().comparison_events()
    assert events[: len(read)] == read  # nothing came in before what was there already
    keys = [event.idempotency_key for event in events]
    assert len(set(keys)) == len(keys)
    assert len(acknowledged) >= 33
    assert acknowledged <= set(keys)
    assert len(keys) <= len(acknowledged) + 1


def test_a_killed_writer_in_the_middle_of_a_transaction_leaves_no_trace(
    workspace: Workspace, python: Python
):
    script = """
import sys, time
from pathlib import Path
from data.workspace import Workspace
store = Workspace.open(Path(sys.argv[1])).store()
with store.writing() as connection:
    connection.execute("DELETE FROM images")
    print("deleted", flush=True)
    time.sleep(60)
"""
    before = workspace.store().images()
    writer = python(script, workspace.root)
    assert writer.stdout is not None
    assert writer.stdout.readline() == "deleted\n"
    writer.kill()
    writer.communicate()
    assert workspace.store().images() == before


def test_threads_of_one_process_share_the_store(store: Store):
    raters = [Rater.new(f"rater {i}", RaterKind.MODEL) for i in range(4)]
    failures: list[BaseException] = []

    def compare(rater: Rater) -> None:
        try:
            mine = Store(store.engine)
            mine.add_rater(rater)
            for pair in mine.pairs()[:3]:
                mine.record_many(
                    [
                        Comparison.new(
                            pair_id=pair.pair_id,
                            rater_id=rater.rater_id,
                            choice=Choice.TIE,
                            shown_left=pair.image_b,
                        )
                    ]
                )
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=compare, args=(rater,)) for rater in raters]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert store.counts().by_kind[RaterKind.MODEL] == 12
