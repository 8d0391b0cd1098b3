"""Simulated comparisons: once per pair, always the same, and never counted as people's."""

from collections import Counter
from dataclasses import replace

import pytest
from rounds_behind import paint

from data.errors import ConfigError
from data.records import (
    IMPORTED,
    Aspect,
    Choice,
    Comparison,
    Image,
    Pair,
    Policy,
    Rater,
    RaterKind,
    Sampler,
)
from data.store import Store
from emoji_world.raters import SimulatedRater
from feedback_loop.ask import Panel, ask_simulated
from feedback_loop.generate import generate
from feedback_loop.loop import Loop


@pytest.fixture
def panel(loop, brightness_judge):
    generate(loop, 1)
    raters = [SimulatedRater(name=f"r{n}", flip_rate=0.0) for n in range(3)]
    records = [Rater.new(r.name, RaterKind.SIMULATED, r.traits()) for r in raters]
    for record in records:
        loop.store.add_rater(record)
    return Panel(loop, brightness_judge, list(zip(raters, records, strict=True)))


def test_asking_twice_records_once(panel, loop):
    first = panel.compare(loop.store.pairs(1))
    loop.store.record_many(first)
    loop.store.record_many(panel.compare(loop.store.pairs(1)))
    assert len(loop.store.comparison_events()) == len(loop.store.pairs(1)) == 20


def test_an_answer_does_not_depend_on_who_else_is_asked(panel, loop):
    pairs = loop.store.pairs(1)
    together = panel.compare(pairs)
    alone = [panel.compare([pair])[0] for pair in pairs]
    assert [(c.choice, c.shown_left, c.idempotency_key) for c in together] == [
        (c.choice, c.shown_left, c.idempotency_key) for c in alone
    ]


def test_raters_take_turns_and_sides_are_drawn(panel, loop):
    pairs = loop.store.pairs(1)
    comparisons = panel.compare(pairs)
    assert len(Counter(c.rater_id for c in comparisons)) == 3
    is_a_left = [c.shown_left == p.image_a for c, p in zip(comparisons, pairs, strict=True)]
    assert 0 < sum(is_a_left) < len(pairs)


def test_a_prompt_that_the_judge_does_not_know_is_skipped(panel, loop):
    prompts = {prompt.prompt_id: prompt.text for prompt in loop.prompts()}
    for pair, comparison in zip(
        loop.store.pairs(1), panel.compare(loop.store.pairs(1)), strict=True
    ):
        assert (comparison.choice is Choice.SKIP) == ("cat" in prompts[pair.prompt_id])


def test_outside_the_emoji_world_nobody_is_simulated(loop):
    with pytest.raises(ConfigError, match="--raters people"):
        ask_simulated(loop, 1)


def test_what_people_compared_is_left_to_them(loop, compare):
    generate(loop, 1)
    emoji = Loop(loop.workspace, replace(loop.config, world="emoji"))
    done = compare(loop, 1)
    assert len(done) == 20
    noted = ask_simulated(emoji, 1)
    assert noted["raters"] == "simulated"
    counts = loop.store.counts().by_kind
    assert (counts[RaterKind.PERSON], counts[RaterKind.SIMULATED]) == (20, 0)


def test_what_people_skipped_or_left_half_answered_is_filled_in(loop, compare):
    both = (Aspect.ALIGNMENT, Aspect.QUALITY)
    told = replace(loop.config, generate=replace(loop.config.generate, aspects=both))
    emoji = Loop(loop.workspace, replace(told, world="emoji"))
    generate(Loop(loop.workspace, told), 1)
    skipped, half, *_ = loop.store.pairs(1)
    compare(loop, 1)
    _say_as_ada(loop, skipped, Choice.SKIP)
    loop.store.record_many([_undone(loop, half, Aspect.QUALITY)])
    assert loop.store.round_progress(1).num_compared == 18
    for _ in range(2):
        ask_simulated(emoji, 1)
    answers = loop.store.comparisons(kind=RaterKind.SIMULATED)
    assert {(c.pair_id, c.aspect) for c in answers} == {
        (skipped.pair_id, Aspect.ALIGNMENT),
        (skipped.pair_id, Aspect.QUALITY),
        (half.pair_id, Aspect.QUALITY),
    }
    assert len(answers) == 3
    assert loop.store.round_progress(1).num_compared == 20


def _say_as_ada(loop, pair, choice):
    """Answer all questions about a pair anew."""
    ada = loop.store.find_rater("ada", RaterKind.PERSON)
    loop.store.record_many(
        [
            Comparison.new(
                pair_id=pair.pair_id,
                rater_id=ada.rater_id,
                choice=choice,
                aspect=aspect,
                shown_left=pair.image_a,
            )
            for aspect in pair.aspects
        ]
    )


def _undone(loop, pair, aspect):
    """Return the event that takes an answer back."""
    (said,) = [
        c for c in loop.store.comparisons() if c.pair_id == pair.pair_id and c.aspect is aspect
    ]
    return replace(
        said,
        comparison_id="undo",
        choice=Choice.UNDO,
        idempotency_key="undo",
        supersedes=said.comparison_id,
    )


def test_imported_images_are_skipped_whatever_their_size_and_it_is_said(loop, capsys):
    generate(loop, 1)
    store, prompt = loop.store, loop.store.prompts()[0]
    store.add_policy(Policy(name="imported:csv", base=IMPORTED))
    size = Sampler(scheduler=IMPORTED, num_steps=0, guidance=0, eta=0, width=99, height=33)
    images = [
        Image.new(
            sha256=loop.workspace.save_image(paint(light, size=light)),
            policy="imported:csv",
            prompt_id=prompt.prompt_id,
            seed=light,
            sampler=size,
        )
        for light in (99, 33)
    ]
    store.add_images(images)
    a, b = (image.image_id for image in images)
    theirs = Pair.new(round=1, prompt_id=prompt.prompt_id, image_a=a, image_b=b)
    store.add_pairs([theirs])
    capsys.readouterr()
    ask_simulated(Loop(loop.workspace, replace(loop.config, world="emoji")), 1)
    answers = {c.pair_id: c.choice for c in store.comparisons()}
    assert answers.pop(theirs.pair_id) is Choice.SKIP
    assert Choice.SKIP not in answers.values()
    assert "skipped 1 of 21 pairs: " in capsys.readouterr().out
    found = store.round_progress(1)
    assert (found.num_compared, found.num_skipped, found.is_through) == (20, 1, True)


def test_no_other_images_than_those_shown_are_looked_up(panel, loop, monkeypatch):
    looked_up, images = [], Store.images

    def counting(*arguments, **wanted):
        found = images(*arguments, **wanted)
        looked_up.append(len(found))
        return found

    monkeypatch.setattr(Store, "images", counting)
    panel.compare(loop.store.pairs(1)[:1])
    assert looked_up == [2]


def test_simulated_comparisons_are_stored_as_simulated(loop):
    generate(loop, 1)
    emoji = Loop(loop.workspace, replace(loop.config, world="emoji"))
    for _ in range(2):
        ask_simulated(emoji, 1)
    counts = loop.store.counts().by_kind
    assert (counts[RaterKind.PERSON], counts[RaterKind.SIMULATED]) == (0, 20)
    assert all(rater.traits["flip_rate"] == 0.15 for rater in loop.store.raters())


def test_raters_of_other_traits_are_other_raters(loop):
    generate(loop, 1)
    emoji = replace(loop.config, world="emoji")
    first = ask_again(loop, emoji)
    worse = replace(emoji, simulated=replace(emoji.simulated, flip_rate=0.4))
    assert not first & ask_again(loop, worse)
    assert ask_again(loop, emoji) == first
    known = {rater.name: rater.traits["flip_rate"] for rater in loop.store.raters()}
    assert known["simulated-1"] == 0.15
    assert known["simulated-1 (flips 0.4, side 0, 2 s)"] == 0.4


def ask_again(loop, config):
    """Return the ids of the raters on a panel."""
    panel = Panel.of(Loop(loop.workspace, config))
    return {c.rater_id for c in panel.answer(loop.store.pairs(1)[:1], 3)}
