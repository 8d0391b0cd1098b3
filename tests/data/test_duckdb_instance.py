"""Files that are attached to the one DuckDB of this process."""

import contextlib
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from data.duckdb_instance import AttachedFile, renew
from data.duckdb_log import log_of
from data.errors import StoreError, UnknownRecord
from data.records import Rater, RaterKind
from data.store import Store
from data.workspace import Workspace


def names(attached: AttachedFile) -> list[str]:
    with contextlib.closing(attached.cursor()) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM raters").fetchall()]


def is_free(path: Path) -> bool:
    """Say whether another DuckDB of this process can have the file, which one at a time can."""
    try:
        duckdb.connect(path).close()
    except duckdb.Error:
        return False
    return True


def test_a_file_is_attached_until_it_is_closed(workspace: Workspace):
    attached = AttachedFile(workspace.store_path, read_only=True)
    assert names(attached) == ["ann"]
    assert not is_free(workspace.store_path)
    attached.close()
    assert is_free(workspace.store_path)


@pytest.mark.parametrize("name", ["it's", "sqlite:here", 'a "b"; DETACH memory', "🐺"])
def test_a_file_may_stand_anywhere(
    name: str, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / name).mkdir()
    workspace.store_path.rename(tmp_path / name / "preferences.duckdb")
    monkeypatch.chdir(tmp_path)
    with contextlib.closing(
        AttachedFile(Path(name) / "preferences.duckdb", read_only=False)
    ) as attached:
        assert names(attached) == ["ann"]


@pytest.mark.parametrize("fault", [UnknownRecord("no such pair"), KeyboardInterrupt()])
def test_after_an_error_nothing_is_attached_and_the_next_goes_on(
    fault: BaseException, workspace: Workspace
):
    store = workspace.store()
    with pytest.raises(type(fault)), store.writing():
        raise fault
    assert is_free(workspace.store_path)
    assert len(store.raters()) == 1


def test_a_file_that_is_no_database_spoils_nothing_for_others(workspace: Workspace, tmp_path: Path):
    other = Workspace.create(tmp_path / "other")
    store = other.store()
    other.store_path.write_bytes(b"not a database" * 500)
    with contextlib.closing(AttachedFile(workspace.store_path, read_only=False)) as attached:
        with pytest.raises(StoreError, match="is not a readable store"):
            store.raters()
        assert names(attached) == ["ann"]
    assert len(workspace.store().raters()) == 1


def test_what_is_attached_outlives_its_instance(workspace: Workspace):
    attached = AttachedFile(workspace.store_path, read_only=False)
    renew()
    with contextlib.closing(AttachedFile(_another(workspace), read_only=True)) as another:
        assert names(attached) == names(another) == ["ann"]
    attached.close()
    assert is_free(workspace.store_path)


def _another(workspace: Workspace) -> Path:
    copy = workspace.store_path.with_name("copy.duckdb")
    copy.write_bytes(workspace.store_path.read_bytes())
    return copy


FULL = """
import os, resource, signal, sys
from pathlib import Path
from data.records import Prompt
from data.workspace import Workspace
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
workspace = Workspace.open(Path(sys.argv[1]))
limit = workspace.store_path.stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
workspace.store().add_prompts([Prompt.new(f"{n} " + "long " * 300) for n in range(150)])
held = [os.readlink(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd")[:-1]]
print(len(workspace.store().prompts()), any("preferences" in name for name in held))
"""


def test_what_no_space_keeps_out_of_the_file_stays_in_its_log(
    workspace: Workspace, python: Callable[..., subprocess.Popen[str]]
):
    assert python(FULL, workspace.root).communicate() == ("151 False\n", "")
    assert log_of(workspace.store_path).exists()
    assert len(workspace.store().prompts()) == 151


def test_threads_may_use_several_stores_at_once(tmp_path: Path):
    stores = [Workspace.create(tmp_path / str(number)).store() for number in range(4)]

    def write(store: Store, number: int) -> None:
        for turn in range(10):
            store.add_rater(Rater.new(f"{number}-{turn}", RaterKind.PERSON))
            assert len(store.raters()) == turn + 1

    threads = [threading.Thread(target=write, args=each[::-1]) for each in enumerate(stores)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, store in enumerate(stores):
        assert {rater.name for rater in store.raters()} == {
            f"{number}-{turn}" for turn in range(10)
        }
