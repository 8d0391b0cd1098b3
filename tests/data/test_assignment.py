"""Pairs shared out among people: each with its exact number of raters, whoever comes and goes."""

import random
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from data.assignment import LEASE
from data.records import (
    Aspect,
    Choice,
    Comparison,
    Image,
    Pair,
    Prompt,
    Rater,
    RaterKind,
    Sampler,
    utc_now,
)
from data.store import Store

NOW = utc_now()

pytestmark = pytest.mark.both_engines


@pytest.fixture
def people(store: Store) -> list[Rater]:
    raters = [Rater.new(f"rater {i}", RaterKind.PERSON) for i in range(10)]
    for rater in raters:
        store.add_rater(rater)
    return raters


def answer(pair: Pair, rater: Rater, choice: Choice = Choice.LEFT, key: str | None = None):
    return Comparison.new(
        pair_id=pair.pair_id,
        rater_id=rater.rater_id,
        choice=choice,
        shown_left=pair.image_a,
        idempotency_key=key,
    )


def taken_pairs(
    store: Store, rater_id: str, round_number: int, num: int, *, now=None
) -> list[Pair]:
    """Take questions and return their pairs, of which each is asked about once here."""
    asked = store.take_questions(rater_id, round_number, num, now=now)
    assert all(question.aspect is Aspect.OVERALL for question in asked)
    assert all(question.repeats is None for question in asked)
    return [question.pair for question in asked]


def take(store: Store, rater: Rater, num: int = 1, *, later: timedelta = timedelta(0)):
    return taken_pairs(store, rater.rater_id, 1, num, now=NOW + later)


def add_overlap(store: Store, num_prompts: int = 6) -> None:
    """Put round 2 into the store: 30 pairs, of which a fifth have three seats."""
    sampler = Sampler(scheduler="ddim", num_steps=2, guidance=1.0, eta=1.0, width=1, height=1)
    prompts = [Prompt.new(f"prompt {i}") for i in range(num_prompts)]
    store.add_prompts(prompts)
    images, pairs = [], []
    for i in range(60):
        made = {"sha256": f"{i:064x}", "policy": "base", "seed": i, "sampler": sampler}
        prompt_id = prompts[i // 2 % num_prompts].prompt_id
        images.append(Image.new(prompt_id=prompt_id, round=2, **made))
    for number, (a, b) in enumerate(zip(images[::2], images[1::2], strict=True)):
        ids = {"image_a": a.image_id, "image_b": b.image_id}
        seats = 3 if number % 5 == 0 else 1
        pairs.append(Pair.new(round=2, prompt_id=a.prompt_id, num_raters=seats, **ids))
    store.add_images(images)
    store.add_pairs(pairs)


def test_ten_raters_who_come_and_go_give_each_pair_its_exact_number(store: Store, people):
    add_overlap(store)
    rng = random.Random(0)
    moment, held = NOW, {rater.rater_id: [] for rater in people}
    for _ in range(150):
        moment += timedelta(minutes=rng.expovariate(1 / 3))
        rater = rng.choice(people)
        waiting = held[rater.rater_id] or taken_pairs(store, rater.rater_id, 2, 3, now=moment)
        if waiting and rng.random() < 0.8:  # or they leave, and their lease runs out
            choice = Choice.SKIP if rng.random() < 0.05 else rng.choice(list(Choice)[:4])
            store.answer(answer(waiting[0], rater, choice), now=moment)
            if rng.random() < 0.1:
                store.take_back(rater.rater_id, 2, f"{moment}", now=moment)
        held[rater.rater_id] = waiting[1:]
    moment += LEASE
    for rater in people:  # those who stay finish
        for pair in taken_pairs(store, rater.rater_id, 2, 30, now=moment):
            store.answer(answer(pair, rater), now=moment)
    judged = [c for c in store.comparisons(round=2) if c.choice is not Choice.SKIP]
    counts = Counter(c.pair_id for c in judged)
    assert counts == {pair.pair_id: pair.num_raters for pair in store.pairs(2)}
    assert len({(c.pair_id, c.rater_id) for c in judged}) == len(judged)


def test_a_leased_pair_is_nobody_elses_until_the_lease_is_over(store: Store, people):
    ada, bob = people[:2]
    mine = take(store, ada, 4)
    others = take(store, bob, 6)
    assert len(others) == 2
    assert not {p.pair_id for p in mine} & {p.pair_id for p in others}
    assert take(store, ada, 4, later=LEASE / 2) == mine  # renewed
    assert len(take(store, bob, 6, later=LEASE)) == 2
    assert len(take(store, bob, 6, later=2 * LEASE)) == 6


def test_an_answer_whose_seats_others_took_is_not_recorded(store: Store, people):
    ada, bob = people[:2]
    (pair,) = take(store, ada)
    late = NOW + 2 * LEASE
    taken_pairs(store, bob.rater_id, 1, 6, now=late)
    first = answer(pair, bob, key="bob")
    assert store.answer(first, now=late) == first
    assert store.answer(answer(pair, ada), now=late) is None
    skipped = answer(pair, ada, Choice.SKIP)
    assert store.answer(skipped, now=late) == skipped  # asks for no seat
    assert store.answer(replace(first, choice=Choice.TIE), now=late) == first  # a retry


def test_an_unleased_pair_that_has_room_can_be_answered(store: Store, people):
    pair = store.pairs()[0]
    assert store.answer(answer(pair, people[0])) is not None
    assert store.answer(answer(pair, people[1])) is None


def test_a_skip_gives_the_seat_to_others_for_good(store: Store, people):
    ada, bob = people[:2]
    (pair,) = take(store, ada)
    store.answer(answer(pair, ada, Choice.SKIP), now=NOW)
    assert pair not in take(store, ada, 6)
    assert pair in take(store, bob, 6)
    event, back = store.take_back(ada.rater_id, 1, "undo", now=NOW)
    assert event.choice is Choice.UNDO
    assert back is None  # Bob holds it
    assert pair not in take(store, ada, 6)


def test_who_leaves_between_two_questions_gives_the_seat_back(store: Store, people):
    ada, bob = people[:2]
    pair = store.pairs()[0]
    both = (Aspect.ALIGNMENT, Aspect.QUALITY)
    store.add_pairs([replace(pair, pair_id="two questions", round=3, aspects=both)])
    (asked, _) = store.take_questions(ada.rater_id, 3, 1, now=NOW)
    first, second = (replace(answer(asked.pair, ada), aspect=aspect) for aspect in both)
    store.answer(replace(first, comparison_id="half"), now=NOW)
    soon, later = NOW + LEASE / 2, NOW + 2 * LEASE
    assert store.take_questions(bob.rater_id, 3, 1, now=soon) == []
    assert store.seats(3, bob.rater_id).num_taken_by_others == 0
    assert len(store.take_questions(bob.rater_id, 3, 1, now=later)) == 2
    assert store.answer(second, now=later) is None  # Bob holds it
    assert store.take_questions(ada.rater_id, 3, 1, now=later) == []
    back = later + 2 * LEASE
    (rest,) = store.take_questions(ada.rater_id, 3, 1, now=back)  # nor did Bob answer
    assert rest.aspect is Aspect.QUALITY
    assert store.answer(second, now=back) is not None
    assert store.seats(3, bob.rater_id).num_taken_by_others == 1


def test_what_is_taken_back_is_the_raters_again(store: Store, people):
    ada, bob = people[:2]
    (pair,) = take(store, ada)
    store.answer(answer(pair, ada), now=NOW)
    event, back = store.take_back(ada.rater_id, 1, "undo", now=NOW)
    assert back is not None
    assert back.pair == pair
    assert event.supersedes is not None
    assert take(store, ada) == [pair]
    assert pair not in take(store, bob, 6)
    assert store.take_back(bob.rater_id, 1, "undo of nothing", now=NOW) is None


def test_what_was_said_in_a_round_that_is_over_is_not_taken_back(store: Store, people):
    ada = people[0]
    (pair,) = take(store, ada)
    store.answer(answer(pair, ada), now=NOW)
    add_overlap(store)
    assert store.take_back(ada.rater_id, 2, "undo", now=NOW) is None
    (newer,) = taken_pairs(store, ada.rater_id, 2, 1, now=NOW)
    store.answer(answer(newer, ada), now=NOW)
    event, _ = store.take_back(ada.rater_id, 2, "undo", now=NOW)
    assert event.pair_id == newer.pair_id
    assert [c.pair_id for c in store.comparisons()] == [pair.pair_id]


def test_simulated_raters_take_no_seat_from_people(store: Store, people):
    simulated = Rater.new("sim", RaterKind.SIMULATED)
    store.add_rater(simulated)
    store.record_many([answer(pair, simulated) for pair in store.pairs()])
    assert len(take(store, people[0], 9)) == 6
    assert store.seats(1, people[0].rater_id).num_taken_by_others == 0


def test_prompts_take_turns(store: Store, people):
    add_overlap(store)
    served = []
    while pairs := taken_pairs(store, people[0].rater_id, 2, 2, now=NOW):
        served += [pair.prompt_id for pair in pairs]
        for pair in pairs:
            store.answer(answer(pair, people[0]), now=NOW)
    assert len(served) == 30
    for start in range(0, 30, 6):
        assert len(set(served[start : start + 6])) == 6
    assert sum(a == b for a, b in pairwise(served)) <= 4


def test_seats_count_what_is_asked_and_what_others_gave(store: Store, people):
    add_overlap(store)
    ada, bob = people[:2]
    pairs = store.pairs(2)
    store.record_many([answer(pair, bob) for pair in pairs[:4]])
    store.record_many([answer(pairs[4], bob, Choice.SKIP)])
    for_ada, for_bob = (store.seats(2, rater.rater_id) for rater in (ada, bob))
    assert (for_ada.num, for_ada.num_taken_by_others) == (24 + 3 * 6, 4)
    assert (for_bob.num, for_bob.num_taken_by_others) == (42, 0)
    assert store.seats(9, ada.rater_id).num == 0


def test_a_skip_and_anothers_answer_are_not_two_of_one(store: Store, people):
    add_overlap(store)
    ada, bob = people[:2]
    (once,) = [pair for pair in store.pairs(2) if pair.num_raters == 1][:1]
    store.record_many([answer(once, ada, Choice.SKIP), answer(once, bob)])
    assert store.seats(2, ada.rater_id).num_taken_by_others == 0  # Ada's skip counts for it
    assert store.seats(2, people[2].rater_id).num_taken_by_others == 1


def test_a_pair_is_compared_once_all_is_answered_and_skipped_while_nobody_does(
    store: Store, people: list[Rater]
):
    ann, bob, *_ = people
    both = (Aspect.ALIGNMENT, Aspect.QUALITY)
    plain, other = (replace(p, pair_id=f"{p.pair_id}+", round=3) for p in store.pairs()[:2])
    twice = replace(other, aspects=both)
    store.add_pairs([plain, twice])

    def found(kind: RaterKind | None = None) -> tuple[int, int, bool]:
        progress = store.round_progress(3, kind)
        assert progress.num_pairs == 2
        return progress.num_compared, progress.num_skipped, progress.is_through

    def say(pair: Pair, rater: Rater, choice: Choice, aspect: Aspect = Aspect.OVERALL) -> None:
        store.record_many([replace(answer(pair, rater, choice), aspect=aspect)])

    assert found() == (0, 0, False)
    say(plain, ann, Choice.SKIP)
    assert found() == (0, 1, False)
    say(twice, ann, Choice.TIE, Aspect.ALIGNMENT)
    assert found() == (0, 1, False), "half of what is asked"
    say(twice, ann, Choice.SKIP, Aspect.QUALITY)
    assert found() == (0, 2, False), "nothing is compared"
    say(twice, bob, Choice.TIE, Aspect.QUALITY)
    assert found() == (1, 1, True), "all is answered, by two"
    say(plain, bob, Choice.BOTH_BAD)
    assert found() == found(RaterKind.PERSON) == (2, 0, True)
    assert found(RaterKind.SIMULATED) == (0, 0, False)
    store.take_back(bob.rater_id, 3, "undo")
    assert found() == (1, 1, True)
    assert store.round_progress(9).num_pairs == 0
