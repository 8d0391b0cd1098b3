import dataclasses
import json
from collections.abc import Callable

import pyarrow
import pyarrow.parquet
import pytest

from data import snapshot
from data.errors import ImageError, SnapshotMismatch, TastemakerError, WorkspaceError
from data.files import digest
from data.records import Choice, ChosenBy, Comparison, Rater, RaterKind
from data.snapshot import Snapshot, SnapshotRow, take_snapshot
from data.store import Store
from data.workspace import Workspace

pytestmark = pytest.mark.both_engines

Choose = Callable[..., Comparison]


@pytest.fixture
def compared(store: Store, choose: Choose) -> Store:
    """Ann, and a simulated rater, with every choice and both sides."""
    simulated = Rater.new("sim", RaterKind.SIMULATED)
    store.add_rater(simulated)
    a, b, c, d, e, _ = store.pairs()
    store.record_many(
        [
            choose(a, Choice.LEFT),
            choose(b, Choice.LEFT, shown_left=b.image_b, milliseconds=700),
            choose(c, Choice.RIGHT),
            choose(d, Choice.RIGHT, shown_left=d.image_b),
            choose(e, Choice.TIE),
            choose(a, Choice.BOTH_BAD, rater_id=simulated.rater_id),
            choose(b, Choice.SKIP, rater_id=simulated.rater_id),
        ]
    )
    return store


def test_rows_speak_of_images_whatever_side_they_stood_on(compared: Store, workspace: Workspace):
    rows = {(r.pair_id, r.rater_kind): r for r in take_snapshot(workspace).rows()}
    people = [rows.get((pair.pair_id, RaterKind.PERSON)) for pair in compared.pairs()]
    assert [row and row.choice for row in people] == ["a", "b", "b", "a", "tie", None]
    assert [row and row.shown_left for row in people] == ["a", "b", "a", "b", "a", None]
    first = people[1]
    assert first is not None
    pair = compared.pairs()[1]
    assert first.image_a == compared.image(pair.image_a).sha256
    assert first.image_b == compared.image(pair.image_b).sha256
    assert (first.policy_a, first.policy_b) == ("base", "base")
    assert (first.prompt, first.family) == ("Four wolves in the park.", "count")
    assert (first.round, first.split, first.milliseconds) == (1, "train", 700)


def test_the_same_comparisons_are_the_same_folder(compared: Store, workspace: Workspace):
    first = take_snapshot(workspace)
    files = {f: f.stat().st_mtime_ns for f in first.path.iterdir()}
    assert take_snapshot(workspace) == first
    assert {f: f.stat().st_mtime_ns for f in first.path.iterdir()} == files
    assert first.path == workspace.snapshots / first.hash
    assert list(workspace.snapshots.iterdir()) == [first.path]
    assert first.hash == digest([as_ever(row) for row in sorted(first.rows(), key=by_id)])


def by_id(row: SnapshotRow) -> str:
    return row.comparison_id


def as_ever(row: SnapshotRow) -> dict[str, object]:
    """A row as it was before pairs could be chosen by anything but chance."""
    told = dataclasses.asdict(row)
    del told["chosen_by"], told["propensity"]
    return told


def test_how_a_pair_was_chosen_is_part_of_the_hash(compared: Store, workspace: Workspace):
    row = take_snapshot(workspace).rows()[0]
    chosen = dataclasses.replace(row, chosen_by=ChosenBy.INFORMATION, propensity=0.25)
    less = dataclasses.replace(chosen, propensity=0.125)
    assert len({snapshot._hash_of([each]) for each in (row, chosen, less)}) == 3


def test_reading_gives_what_was_taken(compared: Store, workspace: Workspace):
    taken = take_snapshot(workspace)
    opened = Snapshot.open(taken.path)
    assert opened == taken
    assert opened.rows() == taken.rows()
    assert len(opened.rows()) == 7
    recorded = {c.comparison_id: c.created_at for c in compared.comparisons()}
    assert {r.comparison_id: r.created_at for r in opened.rows()} == recorded


def test_a_withdrawn_comparison_leaves_the_next_snapshot_and_not_the_last(
    compared: Store, workspace: Workspace, ann: Rater, choose: Choose
):
    before = take_snapshot(workspace)
    compared.take_back(ann.rater_id, 1, "undo")
    after = take_snapshot(workspace)
    assert after.hash != before.hash
    assert len(after.rows()) == len(before.rows()) - 1
    assert Snapshot.open(before.path) == before


def test_kinds_and_rounds_choose_and_are_counted_apart(
    compared: Store, workspace: Workspace, choose: Choose, refill: Callable[..., None]
):
    refill(workspace, num_pairs=1, round_number=2)
    compared.record_many([choose(compared.pairs(2)[0])])
    everything = take_snapshot(workspace)
    assert everything.counts == {
        RaterKind.PERSON: {"a": 3, "b": 2, "tie": 1},
        RaterKind.SIMULATED: {"both_bad": 1, "skip": 1},
        RaterKind.MODEL: {},
    }
    people = take_snapshot(workspace, kinds=[RaterKind.PERSON])
    assert {row.rater_kind for row in people.rows()} == {RaterKind.PERSON}
    second = take_snapshot(workspace, rounds=[2])
    assert [row.round for row in second.rows()] == [2]
    assert len({everything.hash, people.hash, second.hash}) == 3
    with pytest.raises(TastemakerError, match="no comparisons of the kinds and rounds"):
        take_snapshot(workspace, kinds=[RaterKind.MODEL])


def test_an_empty_store_says_what_to_do(workspace: Workspace):
    label = rf"compare pairs .* with `tastemaker label --workspace {workspace.root}`$"
    with pytest.raises(TastemakerError, match=label):
        take_snapshot(workspace)
    assert list(workspace.snapshots.iterdir()) == []


def test_the_manifest_says_what_it_holds(compared: Store, workspace: Workspace):
    snapshot = take_snapshot(workspace)
    manifest = json.loads((snapshot.path / "manifest.json").read_text())
    assert manifest["hash"] == snapshot.hash
    assert manifest["rows"] == 7
    assert manifest["counts"]["simulated"] == {"both_bad": 1, "skip": 1}
    assert manifest["schema_version"] == compared.schema_version()


def test_images_are_read_and_checked_through_the_snapshot(compared: Store, workspace: Workspace):
    snapshot = take_snapshot(workspace)
    sha256 = snapshot.rows()[0].image_a
    assert snapshot.image_bytes(sha256) == workspace.read_image(sha256)
    workspace.image_path(sha256).write_bytes(b"damaged")
    with pytest.raises(ImageError):
        snapshot.image_bytes(sha256)


def test_an_altered_row_is_found_out(compared: Store, workspace: Workspace):
    path = take_snapshot(workspace).path / "comparisons.parquet"
    table = pyarrow.parquet.read_table(path)
    flipped = pyarrow.array(["b" if c == "a" else c for c in table["choice"].to_pylist()])
    column = table.schema.get_field_index("choice")
    pyarrow.parquet.write_table(table.set_column(column, "choice", flipped), path)
    with pytest.raises(SnapshotMismatch, match="was altered"):
        Snapshot.open(path.parent)
    with pytest.raises(SnapshotMismatch, match="delete it and take it again"):
        take_snapshot(workspace)


@pytest.mark.parametrize("name", ["comparisons.parquet", "manifest.json"])
def test_a_truncated_or_missing_file_is_found_out(name: str, compared: Store, workspace: Workspace):
    path = take_snapshot(workspace).path / name
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(SnapshotMismatch):
        Snapshot.open(path.parent)
    path.unlink()
    with pytest.raises(SnapshotMismatch):
        Snapshot.open(path.parent)


@pytest.mark.parametrize("change", [{"hash": "0" * 16}, {"rows": 3}, {"schema_version": None}])
def test_a_manifest_that_promises_other_rows_is_found_out(
    change: dict[str, object], compared: Store, workspace: Workspace
):
    path = take_snapshot(workspace).path / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({k: v for k, v in {**manifest, **change}.items() if v is not None}))
    with pytest.raises(SnapshotMismatch):
        Snapshot.open(path.parent)


def test_a_missing_snapshot_is_named(workspace: Workspace):
    with pytest.raises(WorkspaceError, match="no snapshot at"):
        Snapshot.open(workspace.snapshots / "none")
