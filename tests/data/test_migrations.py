import subprocess
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from data import duckdb_file
from data.duckdb_file import DuckDBFile
from data.duckdb_schema import migrate
from data.errors import StoreError
from data.migrations import MIGRATIONS, SCHEMA_VERSION, Migration
from data.records import ChosenBy, Prompt
from data.store import Store
from data.workspace import Workspace

NEWER = (
    *MIGRATIONS,
    Migration(
        version=SCHEMA_VERSION + 1, statements=("ALTER TABLE prompts ADD COLUMN note VARCHAR",)
    ),
)
BROKEN = (
    *MIGRATIONS,
    Migration(
        version=SCHEMA_VERSION + 1,
        statements=("CREATE TABLE half (a INTEGER)", "CREATE TABLE half (a INTEGER)"),
    ),
)


def test_versions_ascend_one_by_one():
    assert [m.version for m in MIGRATIONS] == list(range(1, len(MIGRATIONS) + 1))


def test_an_older_store_is_copied_then_migrated(store: Store, workspace: Workspace):
    before = (store.prompts(), store.images(), store.pairs())
    newer = Store.open(store.engine, NEWER)
    assert newer.schema_version() == SCHEMA_VERSION + 1
    assert (newer.prompts(), newer.images(), newer.pairs()) == before
    backup = workspace.root / (f"{workspace.store_path.name}.v{SCHEMA_VERSION}.backup")
    copied = Store.open(DuckDBFile(backup))
    assert copied.schema_version() == SCHEMA_VERSION
    assert (copied.prompts(), copied.images(), copied.pairs()) == before
    assert copied.comparisons() == []


def test_the_first_schema_still_opens(tmp_path: Path):
    path = tmp_path / "old.duckdb"
    with duckdb.connect(path) as connection:
        migrate(connection, MIGRATIONS[:1])
    store = Store.open(DuckDBFile(path))
    assert store.schema_version() == SCHEMA_VERSION
    store.add_prompts([Prompt.new("x")])
    assert len(store.prompts()) == 1
    assert path.with_name("old.duckdb.v1.backup").is_file()


def test_pairs_from_before_they_could_be_chosen_were_chosen_by_chance(tmp_path: Path):
    path = tmp_path / "old.duckdb"
    with duckdb.connect(path) as connection:
        migrate(connection, MIGRATIONS[:4])
        connection.execute(
            "INSERT INTO pairs (ordinal, pair_id, round, prompt_id, image_a, image_b, created_at)"
            " VALUES (1, 'p', 1, 'x', 'a', 'b', TIMESTAMP '2026-01-01')"
        )
    (pair,) = Store.open(DuckDBFile(path)).pairs()
    assert (pair.chosen_by, pair.propensity) == (ChosenBy.CHANCE, 1.0)


def test_a_migration_that_fails_leaves_the_store_as_it_was(store: Store):
    before = store.prompts()
    with pytest.raises(duckdb.CatalogException):
        Store.open(store.engine, BROKEN)
    assert store.schema_version() == SCHEMA_VERSION
    assert store.prompts() == before
    assert Store.open(store.engine, NEWER).schema_version() == SCHEMA_VERSION + 1


def test_a_store_of_a_newer_tastemaker_is_refused(store: Store):
    Store.open(store.engine, NEWER)
    with pytest.raises(StoreError, match=r"knows up to \d+; upgrade"):
        Store.open(store.engine)


def test_creating_twice_opens_what_is_there(tmp_path: Path):
    path = tmp_path / "new.duckdb"
    Store.create(DuckDBFile(path)).add_prompts([Prompt.new("x")])
    assert len(Store.create(DuckDBFile(path)).prompts()) == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["new.duckdb", "new.duckdb.lock"]


def test_a_creation_that_fails_leaves_no_store(
    tmp_path: Path, python: Callable[..., subprocess.Popen[str]]
):
    script = """
import resource, sys
from pathlib import Path
from data.entry import run_command
from data.duckdb_file import DuckDBFile
from data.store import Store
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
run_command(lambda: print(Store.create(DuckDBFile(Path(sys.argv[1])))))
"""
    path = tmp_path / "new.duckdb"
    process = python(script, path)
    out, said = process.communicate()
    assert (process.returncode, out) == (2, "")
    assert said.startswith(f"error: {path}: ")
    assert said.count("\n") == 1
    assert [p.name for p in tmp_path.iterdir()] == ["new.duckdb.lock"]
    assert Store.create(DuckDBFile(path)).prompts() == []


def test_the_file_has_the_format_of_duckdb_1_5(store: Store):
    with store.reading() as connection:
        query = "SELECT tags['storage_version'] FROM duckdb_databases() WHERE path IS NOT NULL"
        assert connection.execute(query).fetchall() == [("v1.5.0+",)]


@pytest.mark.parametrize("size", [0, 100, 20_000])
def test_a_file_that_is_no_store_is_refused(
    size: int, workspace: Workspace, refill: Callable[..., None]
):
    path = workspace.store_path
    content = path.read_bytes()
    for damaged in (content[:size], b"x" * size):
        path.write_bytes(damaged)
        with pytest.raises(StoreError, match="not a readable store") as refused:
            workspace.store()
        assert "\n" not in str(refused.value)
        assert path.read_bytes() == damaged


def test_another_programs_file_is_refused(tmp_path: Path):
    path = tmp_path / "other.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (a INTEGER)")
    for opening in (Store.open, Store.create):
        with pytest.raises(StoreError, match="not a Tastemaker store"):
            opening(DuckDBFile(path))


def test_a_file_that_stays_taken_is_busy(workspace: Workspace):
    store = Store(DuckDBFile(workspace.store_path, patience_s=0.2))
    with (
        duckdb.connect(workspace.store_path),
        pytest.raises(StoreError, match="in use by another program"),
    ):
        store.prompts()
    assert len(store.prompts()) == 1
    assert duckdb_file.PATIENCE_S >= 10
