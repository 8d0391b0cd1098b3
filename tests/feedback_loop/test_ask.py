"""Simulated comparisons: once per pair, always the same, and never counted as people's."""

from collections import Counter
from dataclasses import replace

import pytest

from data.errors import ConfigError
from data.records import Choice, Rater, RaterKind
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
