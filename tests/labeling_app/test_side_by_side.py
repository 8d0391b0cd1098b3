from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from data.records import Aspect, Choice, Comparison, Image, Pair, Prompt, Sampler
from labeling_app.side_by_side import awaited, chosen, side_by_side

SAMPLER = Sampler(scheduler="ddim", num_steps=20, guidance=5.0, eta=1.0, width=8, height=8)
DOG = Prompt.new("a dog", family="animal", split="train")
CAR = Prompt.new("a car", family="thing", split="unseen")
CAT = Prompt.new("a cat", family="animal", split="unseen")


def image(policy: str, prompt: Prompt, seed: int, sampler: Sampler = SAMPLER) -> Image:
    return Image.new(
        sha256=f"{policy}{seed}", policy=policy, prompt_id=prompt.prompt_id, seed=seed,
        sampler=sampler,
    )  # fmt: skip


def comparison(pair: Pair, rater: str, choice: Choice, aspect: Aspect) -> Comparison:
    return Comparison.new(
        pair_id=pair.pair_id, rater_id=rater, choice=choice, shown_left=pair.image_a, aspect=aspect
    )


def asked(couple: tuple[Image, Image], **about: Any) -> Pair:
    image_a, image_b = (image.image_id for image in couple)
    return Pair.new(round=1, prompt_id=DOG.prompt_id, image_a=image_a, image_b=image_b, **about)


def test_images_meet_at_the_same_prompt_and_seed_alone():
    base = [image("base", DOG, 2), image("base", DOG, 1), image("base", CAR, 3)]
    tuned = [image("tuned", DOG, 1), image("tuned", DOG, 2), image("tuned", CAR, 4)]
    (row,) = side_by_side([CAR, DOG], base, tuned)
    assert row.prompt == DOG
    assert [(c.left.policy, c.right.policy, c.seed) for c in row.couples] == [
        ("base", "tuned", 1),
        ("base", "tuned", 2),
    ]
    assert all(c.left.seed == c.right.seed for c in row.couples)


def test_images_drawn_in_other_ways_do_not_meet():
    other = replace(SAMPLER, guidance=2.0)
    assert side_by_side([DOG], [image("base", DOG, 1)], [image("tuned", DOG, 1, other)]) == []


@pytest.mark.parametrize("is_first_newer", [True, False])
def test_a_seed_stands_there_once_as_it_was_drawn_last(is_first_newer: bool):
    other = replace(SAMPLER, guidance=2.0)
    images = [[image(name, DOG, 1, way) for way in (SAMPLER, other)] for name in ("base", "tuned")]
    late = 0 if is_first_newer else 1
    for drawn in images:
        drawn[late] = replace(drawn[late], created_at=drawn[1].created_at + timedelta(days=1))
    (row,) = side_by_side([DOG], *images)
    (couple,) = row.couples
    assert {couple.left.sampler, couple.right.sampler} == {(SAMPLER, other)[late]}


def test_prompts_keep_their_order_and_are_chosen_by_family_and_split():
    prompts = [CAT, DOG, CAR]
    rows = side_by_side(prompts, *[[image(n, p, 1) for p in prompts] for n in ("base", "tuned")])

    def texts(family: str | None, split: str | None) -> list[str]:
        return [row.prompt.text for row in chosen(rows, family=family, split=split)]

    assert texts(None, None) == ["a cat", "a dog", "a car"]
    assert texts("animal", None) == ["a cat", "a dog"]
    assert texts(None, "unseen") == ["a cat", "a car"]
    assert texts("animal", "unseen") == ["a cat"]


@pytest.fixture
def couple() -> tuple[Image, Image]:
    return image("base", DOG, 1), image("tuned", DOG, 1)


def test_images_are_awaited_until_every_seat_has_an_answer_of_each_aspect(
    couple: tuple[Image, Image],
):
    pair = asked(couple, num_raters=2, aspects=(Aspect.ALIGNMENT, Aspect.QUALITY))
    both = frozenset(image.image_id for image in couple)
    answers = [
        comparison(pair, rater, choice, aspect)
        for rater, choice, aspect in (
            ("ada", Choice.LEFT, Aspect.ALIGNMENT),
            ("ada", Choice.LEFT, Aspect.QUALITY),
            ("bob", Choice.SKIP, Aspect.ALIGNMENT),
            ("cleo", Choice.TIE, Aspect.QUALITY),
        )
    ]
    assert awaited([pair], []) == awaited([pair], answers) == both
    last = comparison(pair, "cleo", Choice.LEFT, Aspect.ALIGNMENT)
    assert awaited([pair], [*answers, last]) == frozenset()


def test_the_images_of_gold_pairs_are_always_awaited(couple: tuple[Image, Image]):
    pair = asked(couple, num_raters=1, better=couple[0].image_id)
    answer = comparison(pair, "ada", Choice.LEFT, Aspect.OVERALL)
    assert awaited([pair], [answer]) == frozenset(image.image_id for image in couple)


def test_images_that_are_kept_back_meet_nobody(couple: tuple[Image, Image]):
    base, tuned = couple
    assert side_by_side([DOG], [base], [tuned], kept_back=frozenset({tuned.image_id})) == []
    assert side_by_side([DOG], [base], [tuned])
