"""People who do not exist, for pictures of pages that people have used.

Their answers are made up by simulated raters and stored as people's, which no command of Tastemaker
does: this is for a workspace that only pictures are taken of.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np

from data.files import digest
from data.questions import Question
from data.records import Comparison, Pair, Rater, RaterKind
from data.store import Store
from emoji_world.judge import Judge, Verdict
from emoji_world.raters import SimulatedRater
from feedback_loop.loop import Loop
from feedback_loop.pixels import read_images
from labeling_app.sides import left_image, other_image

PEOPLE = (
    SimulatedRater(name="Ada", flip_rate=0.05, seconds=2.4),
    SimulatedRater(name="Grace", flip_rate=0.08, seconds=3.1),
    SimulatedRater(name="Katherine", flip_rate=0.1, seconds=2.7),
    SimulatedRater(name="Dorothy", flip_rate=0.15, seconds=4.2),
    SimulatedRater(name="Alan", flip_rate=0.15, side_bias=0.45, seconds=1.3),
)
SITTING = 14
"""Questions that each of them answers in an hour."""
_BETWEEN = timedelta(seconds=5)

_Verdicts = dict[tuple[str, str], Verdict]
"""By image and the prompt that it stands below."""


def answer(
    loop: Loop, number: int, pairs: Sequence[Pair], *, share: float, since: datetime
) -> None:
    """Let them answer so much of what a round, or a study, asks by these pairs.

    They sit in turn, an hour each time, from `since` on, and answer whatever they are asked
    meanwhile. Once more adds nothing.
    """
    store = loop.store
    verdicts = _verdicts(loop, store.served_pairs(number))
    counted = {pair.pair_id for pair in pairs}
    raters = [Rater.new(person.name, RaterKind.PERSON) for person in PEOPLE]
    for rater in raters:
        store.add_rater(rater)
    num_left = round(share * sum(map(num_asked, pairs)))
    num_left -= _num_given(store, raters, pairs)
    hour, has_answered = since, True
    while num_left > 0 and has_answered:
        has_answered = False
        for person, rater in zip(PEOPLE, raters, strict=True):
            asked = store.take_questions(rater.rater_id, number, SITTING, now=hour)[:num_left]
            for place, question in enumerate(asked):
                comparison = _compare(person, rater, question, verdicts)
                moment = hour + place * _BETWEEN
                store.answer(replace(comparison, created_at=moment), now=moment)
            num_left -= sum(question.pair.pair_id in counted for question in asked)
            has_answered |= bool(asked)
        hour += timedelta(hours=1)


def num_asked(pair: Pair) -> int:
    """Return how many answers a pair has when all of them are done with it."""
    if pair.better:
        return len(PEOPLE) * len(pair.aspects)
    return pair.num_raters * len(pair.aspects) * (2 if pair.asked_again else 1)


def _num_given(store: Store, raters: Sequence[Rater], pairs: Sequence[Pair]) -> int:
    asked = {pair.pair_id for pair in pairs}
    given = [each for rater in raters for each in store.answers(rater.rater_id)]
    return sum(each.pair_id in asked for each in given)


def _verdicts(loop: Loop, pairs: Sequence[Pair]) -> _Verdicts:
    """Return what the world's judge says of each image."""
    shown = {(image, pair.prompt_id) for pair in pairs for image in (pair.image_a, pair.image_b)}
    ordered = sorted(shown)
    texts = {prompt.prompt_id: prompt.text for prompt in loop.store.prompts()}
    hashes = {image.image_id: image.sha256 for image in loop.store.images()}
    pixels = read_images(loop.workspace, [hashes[image] for image, _ in ordered])
    verdicts = Judge.load().verdicts(pixels, [texts[prompt] for _, prompt in ordered])
    return dict(zip(ordered, verdicts, strict=True))


def _compare(
    person: SimulatedRater, rater: Rater, question: Question, verdicts: _Verdicts
) -> Comparison:
    pair, is_repeat = question.pair, question.repeats is not None
    key = digest(["made up", rater.rater_id, pair.pair_id, question.aspect, is_repeat])
    left = left_image(pair, rater.rater_id, is_repeat=is_repeat)
    choice, milliseconds = person.choose(
        verdicts[left, pair.prompt_id],
        verdicts[other_image(pair, left), pair.prompt_id],
        np.random.default_rng(int(key, 16)),
        question.aspect,
    )
    return Comparison.new(
        pair_id=pair.pair_id,
        rater_id=rater.rater_id,
        choice=choice,
        aspect=question.aspect,
        shown_left=left,
        milliseconds=milliseconds,
        idempotency_key=key,
        repeats=question.repeats,
    )
