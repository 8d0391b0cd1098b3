"""Simulated comparisons: programs that stand in for people, and are stored as what they are.

What a simulated rater says of a pair depends on the seed, the rater and the pair alone, and so does
the key it is recorded under: asking again, after a kill or by mistake, adds nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from data.errors import ConfigError
from data.files import digest
from data.records import IMPORTED, Aspect, Choice, Comparison, Pair, Rater, RaterKind
from feedback_loop.loop import Loop
from feedback_loop.terminal import say
from feedback_loop.world import judge_of, simulated_raters

if TYPE_CHECKING:
    from emoji_world.judge import Judge, Verdict
    from emoji_world.raters import SimulatedRater

_BATCH_SIZE = 100


def ask_simulated(loop: Loop, number: int) -> dict[str, object]:
    """Let simulated raters answer what nobody has answered yet about the pairs of a round.

    Each pair is compared by one of them; they take turns. What people skipped is a pair like any
    other; what the judge cannot know they skip themselves, once. Returns what the round notes.
    """
    panel = Panel.of(loop)
    left = _unanswered(loop, number)
    _ask(loop, left, panel.compare, f"round {number}: SIMULATED comparisons")
    return {"raters": RaterKind.SIMULATED.value, "num_raters": panel.num_raters}


def ask_simulated_study(loop: Loop, name: str) -> None:
    """Let simulated raters answer a study: all of its questions, by as many as it asks for."""
    num_raters = loop.store.study(name).num_raters
    panel = Panel.of(loop)
    _ask(
        loop,
        loop.store.study_pairs(name),
        lambda pairs: panel.answer(pairs, num_raters),
        f"study {name}: SIMULATED comparisons",
    )


def _ask(
    loop: Loop,
    pairs: Sequence[Pair],
    compare: Callable[[Sequence[Pair]], list[Comparison]],
    purpose: str,
) -> None:
    skipped: set[str] = set()
    with tqdm(total=len(pairs), desc=purpose, unit="pair", disable=not pairs) as bar:
        for start in range(0, len(pairs), _BATCH_SIZE):
            batch = pairs[start : start + _BATCH_SIZE]
            answers = loop.store.record_many(compare(batch))
            skipped |= {answer.pair_id for answer in answers if answer.choice is Choice.SKIP}
            bar.update(len(batch))
    if skipped:
        say(
            f"simulated raters skipped {len(skipped)} of {len(pairs)} pairs: the judge knows the "
            "emoji world's prompts alone, and no imported images"
        )


def _unanswered(loop: Loop, number: int) -> list[Pair]:
    """List the pairs that people left, each with the questions that are left about it."""
    said = loop.store.comparisons(round=number, kind=RaterKind.SIMULATED)
    said += [c for c in loop.store.comparisons(round=number) if c.choice is not Choice.SKIP]
    answered = {(comparison.pair_id, comparison.aspect) for comparison in said}
    left = [
        replace(pair, aspects=tuple(a for a in pair.aspects if (pair.pair_id, a) not in answered))
        for pair in loop.store.pairs(number)
    ]
    return [pair for pair in left if pair.aspects]


def _as_record(loop: Loop, rater: "SimulatedRater") -> Rater:
    """Return who a simulated rater is on record: with other traits it is another one."""
    traits = dict(rater.traits())
    known = loop.store.find_rater(rater.name, RaterKind.SIMULATED)
    if known is None or known.traits == traits:
        return known or Rater.new(rater.name, RaterKind.SIMULATED, traits)
    said = (
        f"{rater.name} (flips {rater.flip_rate:g}, side {rater.side_bias:g}, {rater.seconds:g} s)"
    )
    return Rater.new(said, RaterKind.SIMULATED, traits)


class Panel:
    """Simulated raters who have a judge to follow."""

    def __init__(
        self, loop: Loop, judge: "Judge", raters: "Sequence[tuple[SimulatedRater, Rater]]"
    ) -> None:
        self._loop = loop
        self._judge = judge
        self._raters = raters

    @classmethod
    def of(cls, loop: Loop) -> "Panel":
        """Put the workspace's simulated raters on record, with the judge of its world."""
        raters = simulated_raters(loop.config)
        records = [_as_record(loop, rater) for rater in raters]
        for record in records:
            loop.store.add_rater(record)
        judge = judge_of(loop.config)
        if judge is None:
            raise ConfigError(
                "simulated raters follow a judge, and this workspace's world has none"
            )
        return cls(loop, judge, list(zip(raters, records, strict=True)))

    @property
    def num_raters(self) -> int:
        """How many there are."""
        return len(self._raters)

    def compare(self, pairs: Sequence[Pair]) -> list[Comparison]:
        """Return the answers to every question about each pair, of the rater whose turn it is."""
        verdicts = self._verdicts(pairs)
        return [
            self._compare_one(pair, verdicts, int(pair.pair_id, 16) % len(self._raters), aspect)
            for pair in pairs
            for aspect in pair.aspects
        ]

    def answer(self, pairs: Sequence[Pair], num_raters: int) -> list[Comparison]:
        """Return so many raters' answers, or all there are, to every question about each pair."""
        verdicts = self._verdicts(pairs)
        return [
            self._compare_one(pair, verdicts, turn, aspect)
            for pair in pairs
            for turn in range(min(num_raters, len(self._raters)))
            for aspect in pair.aspects
        ]

    def _verdicts(self, pairs: Sequence[Pair]) -> "dict[str, Verdict]":
        """Return what the judge says of the pairs' images; nothing of those that were imported."""
        from feedback_loop.pixels import read_images

        prompt_of = {i: pair.prompt_id for pair in pairs for i in (pair.image_a, pair.image_b)}
        found = {i.image_id: i for i in self._loop.store.images(image_ids=list(prompt_of))}
        shown = [found[each] for each in prompt_of]
        drawn = [image for image in shown if image.sampler.scheduler != IMPORTED]
        if not drawn:
            return {}
        pixels = read_images(self._loop.workspace, [image.sha256 for image in drawn])
        asked = [self._texts[prompt_of[image.image_id]] for image in drawn]
        verdicts = self._judge.verdicts(pixels, asked)
        return {image.image_id: said for image, said in zip(drawn, verdicts, strict=True)}

    @cached_property
    def _texts(self) -> dict[str, str]:
        return {prompt.prompt_id: prompt.text for prompt in self._loop.store.prompts()}

    def _compare_one(
        self,
        pair: Pair,
        verdicts: "dict[str, Verdict]",
        turn: int,
        aspect: Aspect,
    ) -> Comparison:
        """Let a rater compare a pair, on sides drawn for the two of them."""
        rater, record = self._raters[turn]
        asked = [] if aspect is Aspect.OVERALL else [aspect]
        key = digest(["simulated", self._loop.config.seed, record.rater_id, pair.pair_id, *asked])
        rng = np.random.default_rng(int(key, 16))
        left, right = (pair.image_a, pair.image_b)
        if rng.random() < 0.5:
            left, right = right, left
        of_left, of_right = verdicts.get(left), verdicts.get(right)
        if of_left is not None and of_right is not None and of_left.known:
            choice, milliseconds = rater.choose(of_left, of_right, rng, aspect)
        else:
            choice, milliseconds = Choice.SKIP, 0
        return Comparison.new(
            pair_id=pair.pair_id,
            rater_id=record.rater_id,
            choice=choice,
            aspect=aspect,
            shown_left=left,
            milliseconds=milliseconds,
            idempotency_key=key,
        )
