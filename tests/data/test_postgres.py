"""What only a store on PostgreSQL can meet: servers, passwords, other tables, another writer."""

import shutil
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from postgres_server import HAS_PSYCOPG, PASSWORD, Server

from data import rows
from data.errors import ConfigError, StoreBusy, StoreError, TastemakerError, WorkspaceError
from data.migrations import KEYS, MIGRATIONS, SCHEMA_VERSION, Migration
from data.records import Choice, Comparison, Prompt
from data.snapshot import take_snapshot
from data.store import Store
from data.store_address import STORE_VARIABLE, engine_of
from data.workspace import Workspace

NEXT = SCHEMA_VERSION + 1
NEWER = (
    *MIGRATIONS,
    Migration(version=NEXT, statements=("ALTER TABLE prompts ADD COLUMN note VARCHAR",)),
)
BROKEN = (*MIGRATIONS, Migration(version=NEXT, statements=("CREATE TABLE half (a INTEGER)",) * 2))

needs_psycopg = pytest.mark.skipif(not HAS_PSYCOPG, reason="needs psycopg")


@pytest.fixture
def empty(postgres: Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of an empty database, which the environment names."""
    url = postgres.make()
    monkeypatch.setenv(STORE_VARIABLE, url)
    return url


@pytest.fixture
def engine() -> str:
    return "postgresql"


@pytest.fixture
def served_from(filled: Workspace, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Workspace]:
    """Give the filled workspace another store."""

    def choose(url: str) -> Workspace:
        monkeypatch.setenv(STORE_VARIABLE, url)
        return filled

    return choose


def copy_records(source: Store, target: Store) -> None:
    target.add_prompts(source.prompts())
    target.add_images(source.images())
    target.add_pairs(source.pairs())
    target.add_rater(source.raters()[0])


def test_the_unique_indexes_are_those_of_the_records():
    tables = [value for value in vars(rows).values() if isinstance(value, rows.Table)]
    assert {t.name: ", ".join(t.key) for t in tables if t.key} == KEYS


def test_a_workspace_remembers_its_database_without_the_password(
    empty: str, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
):
    root = workspace.root.with_name("new")
    monkeypatch.setenv(STORE_VARIABLE, empty.replace("@/", ":sec%2Fret@/"))
    monkeypatch.setenv("PGPASSWORD", "not needed")
    with pytest.raises(StoreError, match="correct PGPASSWORD") as refused:
        Workspace.create(root)
    assert "ret" not in str(refused.value)
    assert not root.exists()
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    monkeypatch.setenv(STORE_VARIABLE, empty)
    Workspace.create(root).store().add_prompts([Prompt.new("x")])
    monkeypatch.delenv(STORE_VARIABLE)
    assert (root / "store.yaml").read_text() == f"url: {empty}\n"
    assert len(Workspace.create(root).store().prompts()) == 1
    assert Workspace.open(root).store().place == empty
    assert not (root / "preferences.duckdb").exists()


def test_another_store_than_its_own_is_refused_when_made_and_used_when_asked(
    empty: str, workspace: Workspace, filled: Workspace
):
    for made in (workspace, filled):
        with pytest.raises(WorkspaceError, match="has its store in"):
            Workspace.create(made.root)
    with pytest.raises(WorkspaceError, match="tastemaker init --store"):
        workspace.store()
    Store.create(engine_of(workspace.root))
    assert workspace.store().pairs() == []


def test_another_address_of_the_store_is_used_and_another_workspaces_is_refused(
    store: Store, workspace: Workspace, postgres: Server, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv(STORE_VARIABLE, f"{store.place}&application_name=ann")
    assert "application_name=ann" in Workspace.open(workspace.root).store().place
    monkeypatch.setenv(STORE_VARIABLE, postgres.make())
    other = Workspace.create(workspace.root.with_name("other"))
    copy_records(store, other.store())
    opened = Workspace.open(workspace.root)  # a copy of the same store, images and all
    assert len(opened.store().images()) == len(store.images())
    shutil.rmtree(workspace.images_dir)
    workspace.images_dir.mkdir()
    with pytest.raises(WorkspaceError, match=r"has its store in .*names another workspace's"):
        Workspace.open(workspace.root)


def test_a_database_of_another_workspace_is_refused(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv(STORE_VARIABLE, store.place)
    with pytest.raises(WorkspaceError, match="another workspace's store"):
        Workspace.create(tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_other_tables_are_left_alone(empty: str, workspace: Workspace):
    engine = engine_of(workspace.root)
    with engine.writing() as connection:
        connection.execute("CREATE TABLE schema_version (version BIGINT)")
    for opening in (Store.open, Store.create):
        with pytest.raises(StoreError, match="holds tables, but not a Tastemaker store"):
            opening(engine)


def test_an_older_store_is_migrated_and_a_newer_one_refused(store: Store):
    before = (store.prompts(), store.images(), store.pairs())
    newer = Store.open(store.engine, NEWER)
    assert newer.schema_version() == NEXT
    assert (newer.prompts(), newer.images(), newer.pairs()) == before
    with pytest.raises(StoreError, match=r"knows up to \d+; upgrade"):
        Store.open(store.engine)


def test_a_migration_that_fails_leaves_the_store_as_it_was(store: Store):
    import psycopg

    with pytest.raises(psycopg.errors.DuplicateTable):
        Store.open(store.engine, BROKEN)
    assert store.schema_version() == SCHEMA_VERSION
    assert Store.open(store.engine, NEWER).schema_version() == NEXT


@needs_psycopg
@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://ann:secret@127.0.0.1:1/db", r"cannot open postgresql://ann@127.0.0.1:1/db "),
        ("postgres://ann@/db?host=/nowhere&password=secret", "see that the server runs"),
    ],
)
def test_an_unreachable_server_is_one_line_without_the_password(
    url: str, said: str, served_from: Callable[[str], Workspace]
):
    with pytest.raises(StoreError, match=said) as refused:
        served_from(url).store()
    assert "secret" not in str(refused.value)
    assert "\n" not in str(refused.value)


@needs_psycopg
@pytest.mark.parametrize(
    "url",
    [
        "mysql://ann:secret@host/db",
        "host=here password=secret",
        "postgresql://ann:secret/x@host/db",
        "postgresql://ann:1/secret@host/db",
        "postgresql://ann:a@secret@host/db",
        "postgresql://ann@host/db?passwd=secret",
    ],
)
def test_a_url_that_cannot_be_read_is_never_repeated(
    url: str, served_from: Callable[[str], Workspace]
):
    with pytest.raises(ConfigError, match="expected postgresql://user@host") as refused:
        served_from(url).store()
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("database", "user", "said"),
    [
        ("missing", "tastemaker", '"missing" does not exist.*; create it first'),
        ("postgres", "stranger", 'failed for user "stranger".*; correct PGPASSWORD'),
    ],
)
def test_what_the_server_refuses_is_one_line(
    database: str,
    user: str,
    said: str,
    postgres: Server,
    served_from: Callable[[str], Workspace],
):
    with pytest.raises(StoreError, match=said):
        served_from(postgres.url(database, user=user)).store()


def test_no_password_at_all_says_where_to_put_one(
    postgres: Server, served_from: Callable[[str], Workspace], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("PGPASSWORD")
    with pytest.raises(StoreError, match="set PGPASSWORD or write"):
        served_from(postgres.url("postgres")).store()


def test_a_missing_psycopg_says_how_to_get_it(
    served_from: Callable[[str], Workspace], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delitem(sys.modules, "data.postgres", raising=False)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreError, match=r"pip install 'psycopg\[binary\]'"):
        served_from("postgresql://host/db").store()


def test_a_writer_who_does_not_end_makes_the_others_busy_and_not_the_readers(store: Store):
    from data.postgres import PostgresDatabase

    impatient = Store(PostgresDatabase(store.place, patience_s=0.2))
    with store.writing(), pytest.raises(StoreBusy, match="run the same command again"):
        impatient.add_prompts([Prompt.new("x")])
    with store.writing():
        assert len(impatient.prompts()) == 1


def test_who_writes_past_the_store_cannot_double_a_key(store: Store):
    with pytest.raises(StoreError, match="duplicate key"), store.writing() as connection:
        connection.execute("INSERT INTO prompts SELECT * FROM prompts")
    assert len(store.prompts()) == 1


def test_a_row_can_be_leased_past_the_rows_of_others(store: Store):
    query = "SELECT pair_id FROM pairs ORDER BY ordinal FOR UPDATE SKIP LOCKED LIMIT 1"
    with store.writing() as connection:
        assert connection.execute(query).fetchone() == (store.pairs()[0].pair_id,)


def test_the_same_comparisons_are_the_same_snapshot_on_both(
    store: Store, workspace: Workspace, choose: Callable[..., Comparison]
):
    comparisons = [
        choose(pair, choice, idempotency_key=f"{choice} {pair.pair_id}")
        for pair, choice in zip(store.pairs(), Choice, strict=True)
        if choice is not Choice.UNDO
    ]
    on_file = Workspace.create(workspace.root.with_name("on file"))
    copied = on_file.store()
    copy_records(store, copied)
    for each in (store, copied):
        each.record_many(comparisons)
    ours, theirs = take_snapshot(workspace), take_snapshot(on_file)
    assert ours.hash == theirs.hash
    files = [taken.path / "comparisons.parquet" for taken in (ours, theirs)]
    assert files[0].read_bytes() == files[1].read_bytes()
    rater = store.raters()[0].rater_id
    asked = [each.take_questions(rater, 1, 9) for each in (store, copied)]
    assert asked[0] == asked[1]
    assert store.counts() == copied.counts()


def test_what_goes_wrong_on_the_way_is_one_line(store: Store):
    with pytest.raises(TastemakerError, match="terminating connection"), store.writing() as mine:
        mine.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    assert len(store.prompts()) == 1


def test_a_writer_who_falls_asleep_is_cut_off(store: Store):
    from data.postgres import PostgresDatabase

    sleepy = PostgresDatabase(store.place, patience_s=0.2)

    def fall_asleep() -> None:
        with sleepy.writing() as connection:
            time.sleep(0.5)
            connection.execute("DELETE FROM prompts")

    with pytest.raises(StoreError, match="idle-in-transaction"):
        fall_asleep()
    assert len(store.prompts()) == 1


def test_several_may_make_the_store_at_once(empty: str, tmp_path: Path):
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(Workspace.create, [tmp_path / "w"] * 4))
    assert {workspace.store().schema_version() for workspace in made} == {SCHEMA_VERSION}


def test_stores_may_share_a_database_in_schemas_of_their_own(
    empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    Workspace.create(tmp_path / "public").store().add_prompts([Prompt.new("x")])
    with engine_of(tmp_path).writing() as connection:
        connection.execute("CREATE SCHEMA mine")
    monkeypatch.setenv(STORE_VARIABLE, f"{empty}&options=-csearch_path%3Dmine")
    Workspace.create(tmp_path / "mine")
    monkeypatch.delenv(STORE_VARIABLE)
    counted = [len(Workspace.open(tmp_path / n).store().prompts()) for n in ("public", "mine")]
    assert counted == [1, 0]
