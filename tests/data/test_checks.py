"""What only checks raters or measures policies: gold pairs, second showings, studies."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from data.assignment import REPEAT_AFTER
from data.errors import StoreError, UnknownRecord
from data.questions import Question, Study
from data.records import Aspect, Choice, Comparison, Image, Pair, Prompt, Rater, RaterKind, Sampler
from data.snapshot import take_snapshot
from data.store import Store
from data.workspace import Workspace

SAMPLER = Sampler(scheduler="ddim", num_steps=2, guidance=1.0, eta=1.0, width=1, height=1)
BOTH = (Aspect.ALIGNMENT, Aspect.QUALITY)

pytestmark = pytest.mark.both_engines


@pytest.fixture
def bob(store: Store) -> Rater:
    rater = Rater.new("bob", RaterKind.PERSON)
    store.add_rater(rater)
    return rater


@pytest.fixture
def add_pairs(store: Store) -> Callable[..., list[Pair]]:
    """Add pairs of a prompt of their own; what is told of them holds for each."""

    def add(num: int, *, number: int = 2, **told: object) -> list[Pair]:
        prompt = Prompt.new(f"prompt {number} {told}")
        store.add_prompts([prompt])
        made = {"policy": "base", "sampler": SAMPLER, "prompt_id": prompt.prompt_id}
        images = [Image.new(sha256=f"{i:064x}", seed=i, **made) for i in range(2 * num)]
        store.add_images(images)
        pairs = [
            Pair.new(
                round=number,
                prompt_id=prompt.prompt_id,
                image_a=a.image_id,
                image_b=b.image_id,
                **{name: a.image_id if name == "better" else value for name, value in told.items()},
            )
            for a, b in zip(images[::2], images[1::2], strict=True)
        ]
        store.add_pairs(pairs)
        return pairs

    return add


def reply(
    store: Store, rater: Rater, question: Question, choice: Choice = Choice.LEFT
) -> Comparison:
    pair = question.pair
    stored = store.answer(
        Comparison.new(
            pair_id=pair.pair_id,
            rater_id=rater.rater_id,
            choice=choice,
            aspect=question.aspect,
            shown_left=pair.image_b if question.repeats else pair.image_a,
            repeats=question.repeats,
        )
    )
    assert stored is not None
    return stored


def answer_all(store: Store, rater: Rater, choice: Choice = Choice.LEFT) -> list[Question]:
    """Answer one question after the other until nothing is left."""
    asked = []
    while waiting := store.take_questions(rater.rater_id, 2, 3):
        asked.append(waiting[0])
        reply(store, rater, waiting[0], choice)
    return asked


def test_two_questions_of_a_pair_follow_each_other(store: Store, ann: Rater, add_pairs):
    pairs = add_pairs(3, aspects=BOTH)
    asked = answer_all(store, ann)
    assert [q.aspect for q in asked] == [*BOTH] * 3
    assert [q.pair for q in asked[::2]] == [q.pair for q in asked[1::2]]
    assert {c.pair_id for c in store.comparisons(2)} == {pair.pair_id for pair in pairs}
    assert len(store.comparisons(2)) == 6
    assert store.seats(2, "").num_taken_by_others == 3


def test_who_is_amidst_a_pair_goes_on_with_it_and_keeps_the_seat(store, ann, bob, add_pairs):
    add_pairs(2, aspects=BOTH)
    first, second, *_ = store.take_questions(ann.rater_id, 2, 2)
    reply(store, ann, first)
    assert store.take_questions(ann.rater_id, 2, 2)[0] == second
    assert len(answer_all(store, bob)) == 0  # Ann holds the other pair too
    event, again = store.take_back(ann.rater_id, 2, "undo")
    assert event.aspect is Aspect.ALIGNMENT
    assert again == first


def test_everyone_is_asked_gold_and_nothing_is_learned_from_it(
    store: Store, workspace: Workspace, ann: Rater, bob: Rater, add_pairs
):
    (pair,) = add_pairs(1)
    gold = add_pairs(2, number=2, better="a")
    for rater in (ann, bob):
        assert {q.pair.pair_id for q in answer_all(store, rater)} >= {p.pair_id for p in gold}
    assert store.pairs(2) == [pair]
    assert store.gold_pairs(2) == gold
    assert [c.pair_id for c in store.comparisons()] == [pair.pair_id]
    assert store.counts().total == 1
    found = store.round_progress(2)
    assert (found.num_compared, found.num_pairs) == (1, 1)
    assert len(store.checks(2)) == 4
    assert [row.pair_id for row in take_snapshot(workspace).rows()] == [pair.pair_id]


def test_the_worse_image_of_gold_may_be_of_another_prompt(store: Store, add_pairs):
    (pair,) = add_pairs(1)
    foil = store.images()[0].image_id
    better = pair.image_a
    gold = Pair.new(round=2, prompt_id=pair.prompt_id, image_a=foil, image_b=better, better=better)
    store.add_pairs([gold])
    assert store.gold_pairs(2) == [gold]
    for wrong in (
        replace(gold, better=None),
        replace(gold, better=foil),
        replace(gold, image_a=""),
    ):
        with pytest.raises(UnknownRecord, match="add it before its pair"):
            store.add_pairs([replace(wrong, pair_id="other")])


def test_a_pair_comes_back_with_its_answer_named_after_others(store, workspace, ann, add_pairs):
    (again,) = add_pairs(1, asked_again=True)
    add_pairs(2 * REPEAT_AFTER)
    asked = answer_all(store, ann)
    places = [place for place, question in enumerate(asked) if question.pair == again]
    assert len(places) == 2
    assert REPEAT_AFTER < places[1] - places[0] <= REPEAT_AFTER + 4
    first, second = (asked[place] for place in places)
    assert first.repeats is None
    (answered,) = [c for c in store.comparisons() if c.pair_id == again.pair_id]
    assert second.repeats == answered.comparison_id
    (check,) = store.checks(2)
    assert (check.repeats, check.supersedes) == (answered.comparison_id, None)
    assert check.shown_left != answered.shown_left
    assert len(take_snapshot(workspace).rows()) == 2 * REPEAT_AFTER + 1


def test_what_is_due_comes_at_the_end_if_there_is_not_enough_between(store, ann, bob, add_pairs):
    add_pairs(3, asked_again=True, aspects=BOTH)
    asked = answer_all(store, ann)
    assert [q.repeats is None for q in asked] == [True] * 6 + [False] * 6
    assert [q.aspect for q in asked] == [*BOTH] * 6
    seats = store.seats(2, bob.rater_id)
    assert (seats.num, seats.num_taken_by_others) == (3, 3)
    assert (seats.num_checks, seats.num_checks_by_others) == (3, 3)
    event, back = store.take_back(ann.rater_id, 2, "undo")
    assert back == asked[-1]
    assert event.repeats == back.repeats
    assert len(store.comparisons(2)) == 6


def test_a_skipped_pair_does_not_come_back(store: Store, ann: Rater, add_pairs):
    add_pairs(2, asked_again=True)
    assert len(answer_all(store, ann, Choice.SKIP)) == 2


def test_a_skip_leaves_out_the_whole_pair_and_gives_it_to_others(store, ann, bob, add_pairs):
    (pair,) = add_pairs(1, aspects=BOTH, asked_again=True)
    first, second = store.take_questions(ann.rater_id, 2, 2)
    reply(store, ann, first)
    reply(store, ann, second, Choice.SKIP)
    assert store.take_questions(ann.rater_id, 2, 2) == []
    assert store.seats(2, bob.rater_id).num_taken_by_others == 0
    assert [q.pair for q in answer_all(store, bob)] == [pair] * 4
    for_ann = store.seats(2, ann.rater_id)  # her skip stands for both
    assert (for_ann.num_taken_by_others, for_ann.num_checks_by_others) == (0, 0)


def test_a_second_showing_is_left_out_whole_too(store: Store, ann: Rater, add_pairs):
    add_pairs(1, aspects=BOTH, asked_again=True)
    for _ in BOTH:
        reply(store, ann, store.take_questions(ann.rater_id, 2, 1)[0])
    again = store.take_questions(ann.rater_id, 2, 1)[0]
    assert again.repeats is not None
    reply(store, ann, again, Choice.SKIP)
    assert store.take_questions(ann.rater_id, 2, 1) == []


def test_studies_are_asked_first_while_they_are_open_and_never_learned_from(
    store: Store, workspace: Workspace, ann: Rater, add_pairs
):
    (pair,) = add_pairs(1)
    study = Study(name="paper", policy_a="base", policy_b="round-1", aspects=BOTH)
    store.add_study(study)
    add_pairs(2, number=0, study="paper", aspects=BOTH)
    asked = [q.pair.study for q in store.take_questions(ann.rater_id, 2, 9)]
    assert asked == ["paper"] * 4 + [None]
    assert store.newest_round() == 2
    answer_all(store, ann)
    assert [c.pair_id for c in store.comparisons()] == [pair.pair_id]
    assert len(store.study_comparisons("paper")) == 4
    assert len(store.study_pairs("paper")) == 2
    assert len(take_snapshot(workspace).rows()) == 1
    store.add_study(replace(study, status="closed"))
    assert [s.status for s in store.studies()] == ["closed"]
    assert store.served_pairs(2) == [pair]


def test_a_study_is_queued_with_its_pairs_once(store: Store, add_pairs):
    (pair,) = add_pairs(1)
    told = {"round": 0, "prompt_id": pair.prompt_id, "study": "ab", "aspects": BOTH}
    asked = [Pair.new(image_a=pair.image_a, image_b=pair.image_b, num_raters=3, **told)]
    detail = {"images": 1, "prompts": "paper"}
    study = Study(
        name="ab", policy_a="base", policy_b="b", aspects=BOTH, num_raters=3, detail=detail
    )
    assert not store.is_queued(study)
    assert [store.queue_study(study, asked) for _ in range(2)] == [True, False]
    assert store.is_queued(study)
    assert store.study("ab") == study
    assert store.study_pairs("ab") == asked
    others = [
        replace(study, policy_b="c"),
        replace(study, aspects=BOTH[:1]),
        replace(study, num_raters=2),
        replace(study, detail={"images": 2, "prompts": "paper"}),
    ]
    for other in others:
        with pytest.raises(StoreError, match=r"of base against b .*choose another name"):
            store.queue_study(other, asked)
    with pytest.raises(StoreError, match="choose another name"):
        store.is_queued(others[0])
    assert store.studies() == [study]


def test_a_study_whose_images_are_not_there_is_not_queued(store: Store, add_pairs):
    (pair,) = add_pairs(1)
    lost = Pair.new(round=0, prompt_id=pair.prompt_id, image_a=pair.image_a, image_b="x", study="s")
    with pytest.raises(UnknownRecord, match="add it before its pair"):
        store.queue_study(Study(name="s", policy_a="a", policy_b="b"), [lost])
    assert store.studies() == []


def test_a_study_is_closed_and_opened_again(store: Store, ann: Rater, add_pairs):
    store.add_study(Study(name="s", policy_a="a", policy_b="b"))
    add_pairs(1, number=0, study="s")
    for status, num in (("closed", 0), ("closed", 0), ("open", 1)):
        store.set_study_status("s", status)
        assert store.study("s").status == status
        assert len(store.take_questions(ann.rater_id, 7, 9)) == num
    with pytest.raises(UnknownRecord, match=r"no study 'x' .*there is s"):
        store.set_study_status("x", "closed")


def test_a_studys_answers_are_told_by_kind_and_its_seats_apart(store, ann, bob, add_pairs):
    store.add_study(Study(name="s", policy_a="a", policy_b="b"))
    (pair,) = add_pairs(1, number=0, study="s", num_raters=2)
    add_pairs(3)
    robot = Rater.new("robot", RaterKind.SIMULATED)
    store.add_rater(robot)
    reply(store, ann, Question(pair=pair, aspect=Aspect.OVERALL))
    store.record_many(
        [
            Comparison.new(
                pair_id=pair.pair_id,
                rater_id=robot.rater_id,
                choice=Choice.TIE,
                shown_left=pair.image_a,
            )
        ]
    )
    by_kind = [len(store.study_comparisons("s", kind)) for kind in RaterKind]
    assert by_kind == [1, 1, 0]
    assert len(store.study_comparisons("s")) == 2
    seats = store.seats(2, bob.rater_id, in_studies=True)
    assert (seats.num, seats.num_taken_by_others) == (2, 1)
    assert (store.seats(2, bob.rater_id).num, store.counts().total) == (3, 0)
