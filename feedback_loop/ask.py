"""Simulated comparisons: programs that stand in for people, and are stored as what they are.

What a simulated rater says of a pair depends on the seed, the rater and the pair alone, and so does
the key it is recorded under: asking again, after a kill or by mistake, adds nothing.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from data.errors import ConfigError
from data.files import digest
from data.records import Aspect, Choice, Comparison, Pair, Rater, RaterKind
from feedback_loop.loop import Loop
from feedback_loop.world import judge_of, simulated_raters

if TYPE_CHECKING:
    from emoji_world.judge import Judge, Verdict
    from emoji_world.raters import SimulatedRater

_BATCH_SIZE = 100


def ask_simulated(loop: Loop, number: int) -> dict[str, object]:
    """Let simulated raters compare the pairs of a round that nobody has compared yet.

    Each pair is compared by one of them; they take turns. Returns what the round notes.
    """
    raters = simulated_raters(loop.config)
    records = [Rater.new(r.name, RaterKind.SIMULATED, dict(r.traits())) for r in raters]
    for record in records:
        loop.store.add_rater(record)
    judge = judge_of(loop.config)
    if judge is None:
        raise ConfigError("simulated raters follow a judge, and this workspace's world has none")
    panel = Panel(loop, judge, list(zip(raters, records, strict=True)))
    unseen = _without_comparison(loop, number)
    with tqdm(
        total=len(unseen),
        desc=f"round {number}: SIMULATED comparisons",
        unit="pair",
        disable=not unseen,
    ) as bar:
        for start in range(0, len(unseen), _BATCH_SIZE):
            batch = unseen[start : start + _BATCH_SIZE]
            loop.store.record_many(panel.compare(batch))
            bar.update(len(batch))
    return {"raters": RaterKind.SIMULATED.value, "num_raters": len(raters)}


def _without_comparison(loop: Loop, number: int) -> list[Pair]:
    compared = {comparison.pair_id for comparison in loop.store.comparisons(round=number)}
    return [pair for pair in loop.store.pairs(number) if pair.pair_id not in compared]


class Panel:
    """Simulated raters who have a judge to follow."""

    def __init__(
        self, loop: Loop, judge: "Judge", raters: "Sequence[tuple[SimulatedRater, Rater]]"
    ) -> None:
        self._loop = loop
        self._judge = judge
        self._raters = raters

    def compare(self, pairs: Sequence[Pair]) -> list[Comparison]:
        """Return one comparison of each pair and aspect."""
        verdicts = self._verdicts(pairs)
        return [
            self._compare_one(pair, aspect, verdicts) for pair in pairs for aspect in pair.aspects
        ]

    def _verdicts(self, pairs: Sequence[Pair]) -> "dict[str, Verdict]":
        from feedback_loop.pixels import read_images

        prompt_of = {i: pair.prompt_id for pair in pairs for i in (pair.image_a, pair.image_b)}
        texts = {prompt.prompt_id: prompt.text for prompt in self._loop.store.prompts()}
        hashes = {
            image.image_id: image.sha256
            for image in self._loop.store.images(prompt_ids=sorted(set(prompt_of.values())))
        }
        images = read_images(self._loop.workspace, [hashes[each] for each in prompt_of])
        verdicts = self._judge.verdicts(images, [texts[p] for p in prompt_of.values()])
        return dict(zip(prompt_of, verdicts, strict=True))

    def _compare_one(
        self, pair: Pair, aspect: Aspect, verdicts: "dict[str, Verdict]"
    ) -> Comparison:
        """Let the rater whose turn it is compare a pair, on sides drawn for the two of them."""
        turn = int(pair.pair_id, 16) % len(self._raters)
        rater, record = self._raters[turn]
        what = ["simulated", self._loop.config.seed, record.rater_id, pair.pair_id]
        key = digest(what if aspect is Aspect.OVERALL else [*what, aspect.value])
        rng = np.random.default_rng(int(key, 16))
        left, right = (pair.image_a, pair.image_b)
        if rng.random() < 0.5:
            left, right = right, left
        if verdicts[left].known:
            choice, milliseconds = rater.choose(verdicts[left], verdicts[right], rng, aspect)
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
