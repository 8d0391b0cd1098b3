"""Threads in line: each has its turn, in order, and nothing stays open behind the last."""

import threading
import time
from pathlib import Path

import pytest

from data.errors import StoreBusy
from data.thread_line import Line, line_of
from data.waiting import Waiting


class Door:
    def __init__(self) -> None:
        self.is_open = True

    def close(self) -> None:
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
