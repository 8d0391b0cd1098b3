"""Nameless votes that come again among others: none is lost, and none counts twice."""

import io
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

from data.exchange.exporting import export_comparisons
from data.exchange.formats import FORMATS, format_of
from data.exchange.gathering import Origin
from data.exchange.importing import import_table
from data.exchange.outcome import Imported
from data.records import Choice, Comparison, Rater, RaterKind
from data.store import Store
from data.workspace import Workspace

Choose = Callable[..., Comparison]
NAMELESS = ["image-reward", "hpd-v2", "hpd-v3", "trl"]


@pytest.fixture
def there(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path / "there")


def preferred(workspace: Workspace) -> Counter[str]:
    store = workspace.store()
    left = {Choice.LEFT: True, Choice.RIGHT: False}
    pairs = {pair.pair_id: pair for pair in store.pairs()}
    hashes = {image.image_id: image.sha256 for image in store.images()}
    said: Counter[str] = Counter()
    for each in store.comparisons():
        pair = pairs[each.pair_id]
        other = pair.image_b if each.shown_left == pair.image_a else pair.image_a
        said[hashes[each.shown_left if left[each.choice] else other]] += 1
    return said


@pytest.mark.parametrize("name", NAMELESS)
def test_a_vote_that_comes_before_known_ones_takes_no_place_of_theirs(
    store: Store, choose: Choose, workspace: Workspace, there: Workspace, tmp_path: Path, name: str
):
    """The better image's votes come first in a row of hpd-v3, whenever they were cast."""
    pair, form = store.pairs()[0], FORMATS[name]
    for number, image in enumerate([pair.image_b, pair.image_a, pair.image_a]):
        rater = Rater.new(f"number {number}", RaterKind.PERSON)
        store.add_rater(rater)
        choice = Choice.LEFT if image == pair.image_a else Choice.RIGHT
        store.record_many([choose(pair, choice, rater_id=rater.rater_id)])
        written = export_comparisons(workspace, tmp_path / str(number), form)
        added = import_table(there, written.table, form, Origin(source=name))
        assert (added.num_comparisons, added.num_known) == (1, number)
        assert preferred(there) == preferred(workspace)
    again = import_table(there, written.table, form, Origin(source=name))
    assert (again.num_comparisons, again.num_known) == (0, 3)
    assert len(there.store().comparison_events()) == 3


def images_in(folder: Path) -> None:
    for place, name in enumerate("ab"):
        content = io.BytesIO()
        PIL.Image.new("RGB", (4, 4), (place, 0, 0)).save(content, "PNG")
        (folder / f"{name}.png").write_bytes(content.getvalue())


def bring(workspace: Workspace, folder: Path, number: int, *rows: dict[str, Any]) -> Imported:
    images_in(folder)
    given = {"prompt": "a dog", "path1": "a.png", "path2": "b.png"}
    file = folder / "t.jsonl"
    file.write_text("".join(json.dumps(given | row) + "\n" for row in rows))
    return import_table(workspace, file, format_of("hpd-v3"), Origin(source="hpd-v3", round=number))


def ids(*numbers: int) -> list[str]:
    return [f"{number:016x}" for number in numbers]


def test_votes_with_and_without_ids_take_no_place_of_each_other(there: Workspace, tmp_path: Path):
    counted = {"choice_dist": [3, 1]}
    assert bring(there, tmp_path, 0, counted).num_comparisons == 4
    for known, given in ((0, ids(1)), (1, ids(2, 1)), (2, ids(3, 2, 1))):
        told = {"choice_dist": [len(given), 0], "comparison_id": given}
        added = bring(there, tmp_path, 0, told)
        assert (added.num_comparisons, added.num_known) == (1, known)
        again = bring(there, tmp_path, 0, counted)
        assert (again.num_comparisons, again.num_known) == (0, 4)
    added = bring(there, tmp_path, 0, {"choice_dist": [5, 1]})  # two more of those without
    assert (added.num_overtaken, there.store().counts().total) == (0, 9)
    assert sorted(preferred(there).values()) == [1, 8]


def test_those_with_ids_may_come_first_or_in_one_table(there: Workspace, tmp_path: Path):
    rows = ({"choice_dist": [2, 0], "comparison_id": ids(1, 2)}, {"choice_dist": [1, 1]})
    assert bring(there, tmp_path, 0, *rows).num_comparisons == 4
    assert bring(there, tmp_path, 0, *rows).num_known == 4
    assert bring(there, tmp_path, 0, *rows[::-1]).num_known == 4
    assert there.store().counts().total == 4


def test_an_empty_id_in_a_list_is_none(there: Workspace, tmp_path: Path):
    row = {"choice_dist": [2, 1], "comparison_id": [*ids(1), None, ""]}
    assert bring(there, tmp_path, 0, row).num_comparisons == 3
    assert bring(there, tmp_path, 0, row).num_known == 3


def test_a_time_does_not_tell_nameless_votes_apart(there: Workspace, tmp_path: Path):
    """Only their place does; an older vote in front moves the others one on, and all stand."""
    images_in(tmp_path)
    head = "prompt,image_a,image_b,choice,created_at\n"
    rows = ["a dog,a.png,b.png,b,2026-03-02\n", "a dog,a.png,b.png,a,2026-03-03\n"]
    file = tmp_path / "t.csv"
    for given in (rows[1:], rows, rows):
        file.write_text(head + "".join(given))
        import_table(there, file, format_of("csv"), Origin(source="csv"))
    assert sorted(preferred(there).values()) == [1, 1]


def test_the_round_is_no_part_of_what_a_comparison_tells(there: Workspace, tmp_path: Path):
    row = {"choice_dist": [2, 1]}
    assert bring(there, tmp_path, 0, row).num_pairs == 1
    for number in (1, 0, 2):
        again = bring(there, tmp_path, number, row)
        assert (again.num_comparisons, again.num_known, again.num_pairs) == (0, 3, 0)
    assert there.store().counts().by_round == {0: 3}
