"""What a round asks of people beyond its pairs: gold, second showings, two questions."""

from dataclasses import replace

import pytest

from data.records import Aspect, Choice, Prompt, RaterKind
from feedback_loop import gold
from feedback_loop.ask import ask_simulated
from feedback_loop.config import GenerateConfig, PeopleConfig
from feedback_loop.generate import generate
from feedback_loop.gold import shared_words
from feedback_loop.loop import Loop

PEOPLE = PeopleConfig(gold_share=0.2, repeat_share=0.25, overlap_share=0.1)


@pytest.fixture
def checked(loop: Loop) -> Loop:
    return replace(loop, config=replace(loop.config, people=PEOPLE))


def test_gold_sets_an_image_of_the_prompt_against_one_of_another(checked: Loop):
    generate(checked, 1)
    pairs = checked.store.gold_pairs(1)
    assert len(pairs) == 4
    assert len(checked.store.pairs(1)) == 20
    prompt_of = {image.image_id: image.prompt_id for image in checked.store.images()}
    for pair in pairs:
        assert pair.better == pair.image_a
        assert prompt_of[pair.image_a] == pair.prompt_id != prompt_of[pair.image_b]
    generate(checked, 1)
    assert checked.store.gold_pairs(1) == pairs


def test_a_round_that_asks_for_quality_alone_has_no_gold(checked: Loop):
    told = replace(checked.config.generate, aspects=(Aspect.QUALITY,))
    generate(replace(checked, config=replace(checked.config, generate=told)), 1)
    assert checked.store.gold_pairs(1) == []


def test_where_there_is_a_judge_it_knows_the_better_image(
    checked: Loop, brightness_judge, monkeypatch
):
    monkeypatch.setattr(gold, "judge_of", lambda _: brightness_judge)
    generate(checked, 1)
    texts = {prompt.prompt_id: prompt.text for prompt in checked.prompts()}
    images = {image.image_id: image for image in checked.store.images()}
    from feedback_loop.pixels import read_images

    for pair in checked.store.gold_pairs(1):
        shown = [images[each].sha256 for each in (pair.image_a, pair.image_b)]
        better, foil = read_images(checked.workspace, shown).mean(dim=(1, 2, 3)).tolist()
        assert better > 0.5 >= foil
        assert "cat" not in texts[pair.prompt_id]


def test_the_foil_shares_as_few_words_as_can_be_found():
    rabbit, frog, dog = (Prompt.new(f"a {what}") for what in ("red rabbit", "red frog", "dog"))
    assert [shared_words(rabbit, other) for other in (rabbit, frog, dog)] == [2, 1, 0]


def test_exact_shares_have_several_raters_and_come_back(checked: Loop):
    generate(checked, 1)
    pairs = checked.store.pairs(1)
    assert sorted(pair.num_raters for pair in pairs)[-3:] == [1, 2, 2]
    assert sum(pair.asked_again for pair in pairs) == 5


def test_two_questions_are_answered_by_simulated_raters_too(
    checked: Loop, brightness_judge, monkeypatch
):
    both = (Aspect.ALIGNMENT, Aspect.QUALITY)
    told = GenerateConfig(num_pairs=20, num_images=20, aspects=both)
    checked = replace(checked, config=replace(checked.config, generate=told))
    generate(checked, 1)
    assert {pair.aspects for pair in checked.store.pairs(1)} == {both}
    assert {pair.aspects for pair in checked.store.gold_pairs(1)} == {both}
    assert checked.config.fit_config(backbone="x", name="x", round_seed=0).aspect == "both"
    from emoji_world.raters import SimulatedRater

    monkeypatch.setattr("feedback_loop.ask.judge_of", lambda _: brightness_judge)
    raters = [SimulatedRater(name="r", flip_rate=0)]
    monkeypatch.setattr("feedback_loop.ask.simulated_raters", lambda _: raters)
    for _ in range(2):
        ask_simulated(checked, 1)
        answers = checked.store.comparisons(1, RaterKind.SIMULATED)
        assert len(answers) == 40
    # All pictures are equally well drawn.
    of_quality = {c.choice for c in answers if c.aspect is Aspect.QUALITY}
    assert of_quality <= {Choice.TIE, Choice.SKIP}
