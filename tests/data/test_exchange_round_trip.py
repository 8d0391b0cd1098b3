"""What is exported and imported into an empty workspace comes back, as far as a format goes."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pyarrow.parquet
import pytest

from data.errors import ExchangeError
from data.exchange.exporting import export_comparisons
from data.exchange.formats import FORMATS
from data.exchange.gathering import PREFIX, Origin
from data.exchange.importing import import_table
from data.files import sha256_of
from data.records import Aspect, Choice, Comparison, Rater, RaterKind
from data.snapshot import SnapshotRow, take_snapshot
from data.store import Store
from data.workspace import Workspace

Choose = Callable[..., Comparison]
CASES = [(form.name, container) for form in FORMATS.values() for container in form.containers]


@pytest.fixture
def compared(store: Store, choose: Choose, workspace: Workspace) -> Workspace:
    """Ann, Bob and a simulated rater, who say all that can be said."""
    bob, sim = Rater.new("Bob", RaterKind.PERSON), Rater.new("sim", RaterKind.SIMULATED)
    store.add_rater(bob)
    store.add_rater(sim)
    a, b, c, d, e, f = store.pairs()
    store.record_many(
        [
            choose(a, Choice.LEFT, milliseconds=1200),
            choose(b, Choice.LEFT, shown_left=b.image_b, milliseconds=700),
            choose(c, Choice.RIGHT),
            choose(d, Choice.TIE),
            choose(e, Choice.BOTH_BAD),
            choose(f, Choice.SKIP),
            choose(a, Choice.RIGHT, aspect=Aspect.QUALITY),
            choose(a, Choice.RIGHT, rater_id=bob.rater_id),
            choose(a, Choice.LEFT, rater_id=sim.rater_id),
            choose(c, Choice.RIGHT, rater_id=sim.rater_id, shown_left=c.image_b),
        ]
    )
    return workspace


def essence(workspace: Workspace, *fields: str) -> Counter[tuple[object, ...]]:
    """Count the comparisons that are equal in some respects."""

    def told(row: SnapshotRow) -> tuple[object, ...]:
        preferred = {"a": row.image_a, "b": row.image_b}.get(row.choice, row.choice)
        left = row.image_a if row.shown_left == "a" else row.image_b
        policies = {
            row.image_a: row.policy_a.removeprefix(PREFIX),
            row.image_b: row.policy_b.removeprefix(PREFIX),
        }
        values = {
            "left": left,
            "policies": tuple(sorted(policies.items())),
            "rater": names[row.rater_id],
            "who": row.rater_id,
        }
        images = tuple(sorted((row.image_a, row.image_b)))
        extra = tuple(values[f] if f in values else getattr(row, f) for f in fields)
        return (row.prompt, images, preferred, row.rater_kind, *extra)

    names = {rater.rater_id: rater.name for rater in workspace.store().raters()}
    return Counter(told(row) for row in take_snapshot(workspace).rows())


CARRIES = {
    "pick-a-pic": ("left", "policies", "created_at", "aspect"),
    "image-reward": ("family", "aspect"),
    "hpd-v2": ("left", "aspect"),
    "hpd-v3": ("policies", "aspect"),
    "trl": ("aspect",),
    "csv": (
        "left", "policies", "created_at", "aspect", "milliseconds", "rater", "family", "split",
    ),
}  # fmt: skip
KEPT = {"pick-a-pic": 7, "image-reward": 6, "hpd-v2": 6, "hpd-v3": 6, "trl": 6, "csv": 10}


@pytest.mark.parametrize(("name", "container"), CASES)
def test_what_a_format_can_carry_comes_back(
    name: str, container: str, compared: Workspace, tmp_path: Path
):
    form = FORMATS[name]
    written = export_comparisons(compared, tmp_path / "out", form, container=container)  # type: ignore[arg-type]
    assert sum(written.by_kind.values()) == KEPT[name]
    assert sum(written.left_out.values()) == 10 - KEPT[name]
    assert list(tmp_path.glob(".out*")) == []
    empty = Workspace.create(tmp_path / "empty")
    added = import_table(empty, written.table, form, Origin(source=name))
    assert added.num_comparisons == KEPT[name]
    before = essence(compared, *CARRIES[name])
    after = essence(empty, *CARRIES[name])
    assert after.total() == KEPT[name]
    assert after <= before
    assert {kind: n for kind, n in empty.store().counts().by_kind.items() if n} == written.by_kind
    for image in empty.store().images():
        assert empty.read_image(image.sha256) == compared.read_image(image.sha256)
    again = import_table(empty, written.table, form, Origin(source=name))
    assert (again.num_comparisons, again.num_known, again.num_pairs) == (0, KEPT[name], 0)
    assert essence(empty, *CARRIES[name]) == after
    assert len(empty.store().comparison_events()) == KEPT[name]


def test_what_is_left_out_is_counted_and_named(compared: Workspace, tmp_path: Path):
    written = export_comparisons(compared, tmp_path / "out", FORMATS["trl"])
    assert written.left_out == {"tie": 1, "both_bad": 1, "skip": 1, "about quality": 1}
    only = export_comparisons(compared, tmp_path / "sim", FORMATS["csv"], kind=RaterKind.SIMULATED)
    assert only.by_kind == {RaterKind.SIMULATED: 2}


@pytest.mark.parametrize("name", ["pick-a-pic", "csv"])
def test_raters_stay_apart_and_the_same(name: str, compared: Workspace, tmp_path: Path):
    written = export_comparisons(compared, tmp_path / "out", FORMATS[name])
    empty = Workspace.create(tmp_path / "empty")
    import_table(empty, written.table, FORMATS[name], Origin(source=name))
    theirs = sorted(Counter(row[-1] for row in essence(empty, "who").elements()).values())
    ours = sorted(Counter(row[-1] for row in essence(compared, "who").elements()).values())
    left_out = [3, 0, 0] if name == "pick-a-pic" else [0, 0, 0]
    assert sum(ours) - sum(theirs) == sum(left_out)
    assert len(theirs) == len(ours) == 3
    second = export_comparisons(empty, tmp_path / "second", FORMATS[name])
    third = Workspace.create(tmp_path / "third")
    import_table(third, second.table, FORMATS[name], Origin(source=name))
    fields = ("rater", *CARRIES[name])
    assert essence(third, *fields) == essence(empty, *fields)


def test_a_format_that_can_say_nothing_of_it_makes_no_folder(
    store: Store, choose: Choose, workspace: Workspace, tmp_path: Path
):
    store.record_many([choose(store.pairs()[0], Choice.BOTH_BAD)])
    with pytest.raises(ExchangeError, match="trl can say none of 1 both_bad"):
        export_comparisons(workspace, tmp_path / "out", FORMATS["trl"])
    assert not (tmp_path / "out").exists()


def test_a_name_is_not_given_away_to_pick_a_pic(compared: Workspace, tmp_path: Path):
    written = export_comparisons(compared, tmp_path / "out", FORMATS["pick-a-pic"])
    assert b"Bob" not in written.table.read_bytes()
    table = pyarrow.parquet.read_table(written.table)
    assert table.schema.field("jpg_0").type == "binary"
    row = table.to_pylist()[0]
    assert sha256_of(row["jpg_0"]) == row["image_0_uid"] == row["best_image_uid"]
    assert isinstance(row["created_at"], datetime)
    assert not (written.table.parent / "images").exists()


def test_an_export_is_whole_or_not_there(
    compared: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    victim = compared.store().images()[5].sha256
    compared.image_path(victim).write_bytes(b"damaged")
    with pytest.raises(Exception, match="is damaged"):
        export_comparisons(compared, tmp_path / "out", FORMATS["csv"])
    assert not (tmp_path / "out").exists()
    assert list(tmp_path.glob(".*")) == []
    with pytest.raises(ExchangeError, match="the folder you are in; choose a new folder"):
        export_comparisons(compared, Path(), FORMATS["csv"])
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").write_text("")
    with pytest.raises(ExchangeError, match="choose a new folder"):
        export_comparisons(compared, tmp_path / "taken", FORMATS["csv"])
    with pytest.raises(ExchangeError, match="written as csv, not as jsonl"):
        export_comparisons(compared, tmp_path / "out", FORMATS["csv"], container="jsonl")


def test_what_was_exported_here_is_not_imported_here(compared: Workspace, tmp_path: Path):
    written = export_comparisons(compared, tmp_path / "out", FORMATS["csv"])
    before = essence(compared)
    with pytest.raises(ExchangeError, match="this workspace's own"):
        import_table(compared, written.table, FORMATS["csv"], Origin(source="csv"))
    assert essence(compared) == before
    assert compared.store().imported_policies() == []


@pytest.mark.parametrize(("name", "container"), CASES)
def test_what_was_imported_and_exported_adds_nothing_when_it_comes_back(
    name: str, container: str, compared: Workspace, tmp_path: Path
):
    first = export_comparisons(compared, tmp_path / "first", FORMATS["csv"])
    here, there = (Workspace.create(tmp_path / name) for name in ("here", "there"))
    import_table(here, first.table, FORMATS["csv"], Origin(source="csv"))
    before, images = essence(here, "who"), here.store().images()
    second = export_comparisons(here, tmp_path / "second", FORMATS[name], container=container)  # type: ignore[arg-type]
    import_table(there, second.table, FORMATS[name], Origin(source="other"))
    third = export_comparisons(there, tmp_path / "third", FORMATS[name], container=container)  # type: ignore[arg-type]
    for table in (second.table, third.table):
        added = import_table(here, table, FORMATS[name], Origin(source="another"))
        assert (added.num_comparisons, added.num_known, added.num_pairs) == (0, KEPT[name], 0)
    assert essence(here, "who") == before
    assert here.store().images() == images
    assert [p.name for p in here.store().imported_policies()] == ["imported:base"]


def test_votes_that_come_later_are_added_to_those_that_are_known(
    store: Store, choose: Choose, workspace: Workspace, tmp_path: Path
):
    pair, form = store.pairs()[0], FORMATS["hpd-v3"]
    there = Workspace.create(tmp_path / "there")
    for number in range(3):
        rater = Rater.new(f"number {number}", RaterKind.PERSON)
        store.add_rater(rater)
        store.record_many([choose(pair, rater_id=rater.rater_id)])
        written = export_comparisons(workspace, tmp_path / str(number), form)
        added = import_table(there, written.table, form, Origin(source="hpd-v3"))
        assert (added.num_comparisons, added.num_known) == (1, number)
    assert there.store().counts().total == 3


def test_withdrawn_and_imported_again_stays_withdrawn(compared: Workspace, tmp_path: Path):
    written = export_comparisons(compared, tmp_path / "out", FORMATS["csv"])
    empty = Workspace.create(tmp_path / "empty")
    import_table(empty, written.table, FORMATS["csv"], Origin(source="csv"))
    store = empty.store()
    bob = store.find_rater("Bob", RaterKind.PERSON)
    assert bob is not None
    store.take_back(bob.rater_id, 0, "undo")
    import_table(empty, written.table, FORMATS["csv"], Origin(source="csv"))
    assert store.counts().total == 9
