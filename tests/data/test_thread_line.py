"""Threads in line: each has its turn, in order, and behind the last stays open what lingers."""

import threading
import time
from pathlib import Path

import pytest

from data.errors import StoreBusy
from data.thread_line import Line, line_of
from data.waiting import Waiting


class Door:
    def __init__(self, *, lingers: bool = False) -> None:
        self.is_open = True
        self.is_locked = False
        self.lingers = lingers
        self.due = threading.Event()

    def is_due(self) -> bool:
        return self.due.is_set()

    def close(self) -> None:
        if self.is_locked:
            raise OSError("it is locked")
        self.is_open = False


@pytest.fixture
def waiting(tmp_path: Path) -> Waiting:
    return Waiting(tmp_path / "store.duckdb", 20)


def until(line: Line, num: int) -> None:
    """Wait until so many threads stand in line."""
    while len(line._waiting) < num:
        time.sleep(0.001)


def test_threads_have_their_turn_in_the_order_in_which_they_came(waiting: Waiting):
    line, served, threads = Line(), [], []

    def serve(number: int) -> None:
        with line.turn(waiting):
            served.append(number)

    with line.turn(waiting):
        for number in range(8):
            threads.append(threading.Thread(target=serve, args=(number,)))
            threads[-1].start()
            until(line, number + 1)
    for thread in threads:
        thread.join()
    assert served == list(range(8))


def test_what_is_kept_goes_to_the_next_and_is_closed_by_the_last(waiting: Waiting):
    line, door, seen = Line(), Door(), []

    def look() -> None:
        with line.turn(waiting):
            seen.append(line.kept is door and door.is_open)

    with line.turn(waiting):
        line.kept = door
        threads = [threading.Thread(target=look) for _ in range(3)]
        for thread in threads:
            thread.start()
        until(line, 3)
    for thread in threads:
        thread.join()
    assert seen == [True, True, True]
    assert not door.is_open
    assert line.kept is None


def leave_open(line: Line, door: Door, waiting: Waiting) -> None:
    with line.turn(waiting):
        line.kept = door


def wait_until_closed(line: Line) -> None:
    deadline = time.monotonic() + 20
    while line.kept is not None:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_what_lingers_stays_open_for_who_comes_again_until_it_is_due(waiting: Waiting):
    line, door = Line(), Door(lingers=True)
    leave_open(line, door, waiting)
    with line.turn(waiting):
        assert line.kept is door
        door.due.set()
        time.sleep(0.02)
        assert door.is_open, "closed under the hands of who has the turn"
    wait_until_closed(line)
    assert not door.is_open
    leave_open(line, another := Door(lingers=True), waiting)
    another.due.set()
    wait_until_closed(line)


def test_a_lingering_file_that_cannot_be_closed_is_said_and_stops_nobody(
    waiting: Waiting, caplog: pytest.LogCaptureFixture
):
    line, door = Line(), Door(lingers=True)
    door.is_locked = True
    leave_open(line, door, waiting)
    door.due.set()
    wait_until_closed(line)
    leave_open(line, Door(), waiting)
    assert line.kept is None
    assert "what was committed stays" in caplog.text


def test_who_has_waited_in_vain_leaves_nothing_open(tmp_path: Path, waiting: Waiting):
    line, door = Line(), Door()
    failures: list[str] = []

    def hurry() -> None:
        try:
            with line.turn(Waiting(tmp_path / "store.duckdb", 0.05)):
                failures.append("had a turn")
        except StoreBusy as busy:
            failures.append(str(busy))

    with line.turn(waiting):
        line.kept = door
        impatient = threading.Thread(target=hurry)
        impatient.start()
        impatient.join()
        assert not line.is_wanted
    assert not door.is_open
    assert "in use by another program" in failures[0]
    with line.turn(waiting):
        assert line.kept is None


def test_a_file_has_one_line_however_its_path_is_spelled(tmp_path: Path):
    assert line_of(tmp_path / "a") is line_of(tmp_path / "b" / ".." / "a")
    assert line_of(tmp_path / "a") is not line_of(tmp_path / "b")
