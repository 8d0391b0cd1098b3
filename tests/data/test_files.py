import datetime
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from data.files import (
    canonical_json,
    digest,
    remove_leftovers,
    sha256_of,
    write_atomically,
)


@dataclass
class Point:
    x: int
    at: datetime.datetime


def test_writes_whole_files_and_leaves_nothing_beside_them(tmp_path: Path):
    path = tmp_path / "new" / "file.txt"
    write_atomically(path, "één 🐰")
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert list(path.parent.iterdir()) == [path]


def test_a_write_that_cannot_finish_keeps_the_old_file(tmp_path: Path):
    path = tmp_path / "folder"
    path.mkdir()
    with pytest.raises(OSError, match="folder"):
        write_atomically(path, b"content")
    assert list(tmp_path.iterdir()) == [path]


def test_old_leftovers_are_removed_and_nothing_else(tmp_path: Path):
    (tmp_path / "deep").mkdir()
    old, new, other = (tmp_path / "deep" / name for name in (".a.tmp", ".b.tmp", "c.tmp"))
    for path in (old, new, other):
        path.touch()
    for path in (old, other):
        os.utime(path, (time.time() - 4000,) * 2)
    assert remove_leftovers(tmp_path) == 1
    assert sorted(old.parent.iterdir()) == [new, other]


def test_leftovers_and_folders_may_vanish_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    is_file = Path.is_file

    def is_file_for_the_last_time(path: Path) -> bool:
        found = is_file(path)
        path.unlink()
        shutil.rmtree(tmp_path / "deep", ignore_errors=True)
        return found

    (tmp_path / "deep" / "deeper").mkdir(parents=True)
    (tmp_path / ".a.tmp").touch()
    monkeypatch.setattr(Path, "is_file", is_file_for_the_last_time)
    assert remove_leftovers(tmp_path) == 0


def test_the_hash_of_a_file_is_the_hash_of_its_bytes(tmp_path: Path):
    path = tmp_path / "file"
    path.write_bytes(b"abc" * 1000)
    assert sha256_of(path) == sha256_of(b"abc" * 1000)


def test_the_digest_does_not_depend_on_the_order_of_keys():
    assert digest({"a": 1, "b": [1, 2]}) == digest({"b": [1, 2], "a": 1})
    assert digest([1, 2]) != digest([2, 1])
    assert len(digest("x")) == 16


def test_dataclasses_times_and_paths_have_one_spelling():
    point = Point(x=1, at=datetime.datetime(2026, 1, 2))
    assert canonical_json([point, Path("a/b")]) == (
        '[{"at":"2026-01-02T00:00:00.000000","x":1},"a/b"]'
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, object()])
def test_what_has_no_single_spelling_is_refused(value: object):
    with pytest.raises((TypeError, ValueError)):
        canonical_json(value)
