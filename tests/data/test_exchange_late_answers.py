"""Answers that an import brings late: the newest stands, whichever came first."""

import dataclasses
import io
import itertools
import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import PIL.Image
import pyarrow
import pyarrow.parquet
import pytest

from data.exchange.formats import format_of
from data.exchange.gathering import Origin
from data.exchange.importing import import_table
from data.exchange.outcome import Imported
from data.exchange.own_pairs import import_own
from data.records import Choice, Comparison, Pair, Rater, RaterKind
from data.store import Store
from data.workspace import Workspace

Choose = Callable[..., Comparison]
MONDAY = datetime(2026, 3, 2, 9)
TUESDAY, WEDNESDAY = MONDAY + timedelta(days=1), MONDAY + timedelta(days=2)


def bring(
    workspace: Workspace, pair: Pair, *said: tuple[str, datetime | None], **cells: str
) -> Imported:
    """Import what Ann said of a pair, left being image a, as a table without ids."""
    rater = Rater.new("ann", RaterKind.PERSON)
    told = {"shown_left": "a", "rater": "ann", "rater_kind": "person", "aspect": "overall"}
    told |= {"pair_id": pair.pair_id, "rater_id": rater.rater_id, "milliseconds": "9"} | cells
    lines = [",".join([*told, "choice", "created_at"])]
    lines += [",".join([*told.values(), c, str(t or "")]) for c, t in said]
    (workspace.root / "t.csv").write_text("\n".join(lines) + "\n")
    return import_own(workspace, workspace.root / "t.csv")


def answer(store: Store, comparison: Comparison, when: datetime) -> Comparison:
    """Record what was said in the app, by its clock."""
    [stored] = store.record_many([dataclasses.replace(comparison, created_at=when)])
    return stored


def standing(store: Store) -> list[str]:
    return [answer.choice.value for answer in store.comparisons()]


def assert_linear(events: Sequence[Comparison]) -> None:
    """Each event supersedes at most one, which came before it and nothing else supersedes."""
    place = {event.comparison_id: number for number, event in enumerate(events)}
    lower = [event.supersedes for event in events if event.supersedes]
    assert len(place) == len(events)
    assert len(set(lower)) == len(lower)
    assert all(place[e.supersedes] < place[e.comparison_id] for e in events if e.supersedes)


@pytest.mark.both_engines
def test_an_older_answer_that_is_imported_does_not_override_a_newer_one(
    workspace: Workspace, store: Store, choose: Choose
):
    pair = store.pairs()[0]
    live = answer(store, choose(pair, Choice.RIGHT), TUESDAY)
    added = bring(workspace, pair, ("a", MONDAY))
    assert store.comparisons() == [live]
    assert (added.num_comparisons, added.num_replacing, added.num_overtaken) == (0, 0, 1)
    again = bring(workspace, pair, ("a", MONDAY))
    assert (again.num_known, again.num_overtaken) == (1, 0)
    assert store.comparisons() == [live]
    assert [e.choice for e in store.comparison_events()] == [
        Choice.RIGHT, Choice.LEFT, Choice.UNDO,
    ]  # fmt: skip
    assert_linear(store.comparison_events())


def test_a_newer_one_does(workspace: Workspace, store: Store, choose: Choose):
    pair = store.pairs()[0]
    answer(store, choose(pair, Choice.RIGHT), TUESDAY)
    added = bring(workspace, pair, ("a", WEDNESDAY))
    assert standing(store) == ["left"]
    assert (added.num_comparisons, added.num_replacing, added.num_overtaken) == (1, 1, 0)
    assert_linear(store.comparison_events())


@pytest.mark.parametrize("said", list(itertools.permutations([MONDAY, TUESDAY, WEDNESDAY])))
def test_whichever_order_they_come_in_the_newest_stands(
    workspace: Workspace, store: Store, said: tuple[datetime, ...]
):
    """Also in one table. Between two imports, one is judged by its own time."""
    of = {MONDAY: "a", TUESDAY: "tie", WEDNESDAY: "b"}
    first, second = store.pairs()[:2]
    for when in said:
        bring(workspace, first, (of[when], when))
    added = bring(workspace, second, *[(of[when], when) for when in said])
    assert (added.num_comparisons, added.num_replacing, added.num_overtaken) == (1, 0, 2)
    assert standing(store) == ["right", "right"]
    assert_linear(store.comparison_events())


def test_of_one_time_the_later_to_arrive_stands(workspace: Workspace, store: Store):
    pair = store.pairs()[0]
    bring(workspace, pair, ("a", MONDAY), ("b", MONDAY))
    assert standing(store) == ["right"]
    bring(workspace, pair, ("tie", MONDAY))
    assert standing(store) == ["tie"]


def test_where_a_time_is_not_known_the_later_to_arrive_stands(workspace: Workspace, store: Store):
    first, second = store.pairs()[:2]
    added = bring(workspace, first, ("a", WEDNESDAY), ("b", None))
    assert (added.num_comparisons, added.num_overtaken) == (1, 1)
    bring(workspace, second, ("a", None), ("b", MONDAY))
    assert standing(store) == ["right", "right"]
    bring(workspace, first, ("a", TUESDAY))  # older than what is known to be from Wednesday
    assert standing(store) == ["right", "right"]
    assert_linear(store.comparison_events())


def test_what_was_taken_back_since_stays_taken_back(
    workspace: Workspace, store: Store, choose: Choose, ann: Rater
):
    pair = store.pairs()[0]
    answer(store, choose(pair, Choice.RIGHT), TUESDAY)
    store.take_back(ann.rater_id, 1, "undo")  # by today's clock
    bring(workspace, pair, ("a", MONDAY))
    assert standing(store) == []
    bring(workspace, pair, ("tie", datetime(9000, 1, 1)))
    assert standing(store) == ["tie"]
    assert_linear(store.comparison_events())


def test_answers_in_the_app_stand_by_arrival(workspace: Workspace, store: Store, choose: Choose):
    """Whatever the clocks of two machines said."""
    pair = store.pairs()[0]
    bring(workspace, pair, ("a", WEDNESDAY))
    answer(store, choose(pair, Choice.RIGHT), TUESDAY)
    assert standing(store) == ["right"]
    answer(store, choose(pair, Choice.TIE), MONDAY)
    assert standing(store) == ["tie"]
    assert_linear(store.comparison_events())


def test_other_raters_and_questions_are_others(workspace: Workspace, store: Store, choose: Choose):
    pair = store.pairs()[0]
    answer(store, choose(pair, Choice.RIGHT), TUESDAY)
    bring(workspace, pair, ("a", MONDAY), aspect="quality")
    bring(workspace, pair, ("tie", MONDAY), rater_id="bob", rater="bob")
    assert standing(store) == ["right", "left", "tie"]


def test_live_and_imported_answers_and_undo_leave_one_chain_and_one_answer_a_question(
    workspace: Workspace, store: Store, choose: Choose
):
    draw, pairs = random.Random(0), store.pairs()[:3]
    times = [MONDAY + timedelta(hours=n) for n in range(20)]
    draw.shuffle(times)
    for number, when in enumerate(times):
        pair, choice = draw.choice(pairs), draw.choice("ab")
        if number % 6 == 2:
            answer(store, choose(pair, Choice.TIE), when)
        elif number % 7 == 4:
            store.take_back(choose(pair).rater_id, 1, str(number))
        else:
            bring(workspace, pair, (choice, when))
        assert_linear(store.comparison_events())
        assert len(store.answers(choose(pair).rater_id)) <= len(pairs)


PICK = {"caption": "a dog", "has_label": True, "user_id": 7}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_rankings_by_one_user_the_newer_stands(
    workspace: Workspace, store: Store, tmp_path: Path, order: tuple[int, int]
):
    images = []
    for light in (0, 200):
        content = io.BytesIO()
        PIL.Image.new("RGB", (4, 4), (light,) * 3).save(content, "PNG")
        images.append(content.getvalue())
    shown = PICK | {"jpg_0": images[0], "jpg_1": images[1]}
    given = [
        shown | {"ranking_id": 1, "label_0": 1.0, "label_1": 0.0, "created_at": MONDAY},
        shown | {"ranking_id": 2, "label_0": 0.0, "label_1": 1.0, "created_at": TUESDAY},
    ]
    table = pyarrow.Table.from_pylist([given[place] for place in order])
    pyarrow.parquet.write_table(table, tmp_path / "t.parquet")
    origin = Origin(source="pick-a-pic")
    added = import_table(workspace, tmp_path / "t.parquet", format_of("pick-a-pic"), origin)
    assert (added.num_comparisons, added.num_overtaken) == (1, 1)
    assert added.by_kind == {RaterKind.PERSON: 1}
    assert [(c.choice, c.created_at) for c in store.comparisons()] == [(Choice.RIGHT, TUESDAY)]
    again = import_table(workspace, tmp_path / "t.parquet", format_of("pick-a-pic"), origin)
    assert (again.num_comparisons, again.num_known, again.num_overtaken) == (0, 2, 0)
