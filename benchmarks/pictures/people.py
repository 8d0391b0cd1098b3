"""People who do not exist, for pictures of pages that people have used.

Their answers are made up by simulated raters and stored as people's, which no command of Tastemaker
does: this is for a workspace that only pictures are taken of.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np

from data.files import digest
from data.records import Comparison, Pair, Rater, RaterKind
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
SHARE = 0.8
"""Part of the pairs that they have answered; the others wait for whoever looks at the page."""
_FIRST_HOUR = datetime(2026, 11, 18, 8)
_PER_HOUR = 14


def answer(loop: Loop, number: int) -> None:
    """Let them compare the first pairs of a round; once more adds nothing."""
    pairs = loop.store.pairs(number)
    pairs = pairs[: round(SHARE * len(pairs))]
    verdicts = _verdicts(loop, pairs)
    for place, person in enumerate(PEOPLE):
        rater = Rater.new(person.name, RaterKind.PERSON)
        loop.store.add_rater(rater)
        times = _times(first=_FIRST_HOUR + timedelta(hours=place % 3))
        loop.store.record_many(
            [
                replace(_compare(person, rater, pair, verdicts), created_at=next(times))
                for index, pair in enumerate(pairs)
                if (place - index) % len(PEOPLE) < pair.num_raters
            ]
        )


def _verdicts(loop: Loop, pairs: Sequence[Pair]) -> dict[str, Verdict]:
    """Return what the world's judge says of each image."""
    prompt_of = {image: pair.prompt_id for pair in pairs for image in (pair.image_a, pair.image_b)}
    texts = {prompt.prompt_id: prompt.text for prompt in loop.store.prompts()}
    hashes = {image.image_id: image.sha256 for image in loop.store.images()}
    pixels = read_images(loop.workspace, [hashes[image] for image in prompt_of])
    verdicts = Judge.load().verdicts(pixels, [texts[prompt] for prompt in prompt_of.values()])
    return dict(zip(prompt_of, verdicts, strict=True))


def _compare(
    person: SimulatedRater, rater: Rater, pair: Pair, verdicts: dict[str, Verdict]
) -> Comparison:
    key = digest(["made up", rater.rater_id, pair.pair_id])
    left = left_image(pair, rater.rater_id)
    choice, milliseconds = person.choose(
        verdicts[left],
        verdicts[other_image(pair, left)],
        np.random.default_rng(int(key, 16)),
    )
    return Comparison.new(
        pair_id=pair.pair_id,
        rater_id=rater.rater_id,
        choice=choice,
        shown_left=left,
        milliseconds=milliseconds,
        idempotency_key=key,
    )


def _times(first: datetime) -> Iterator[datetime]:
    """Yield times of answers: a short sitting in every hour from the first."""
    hour = first
    while True:
        yield from (hour + timedelta(seconds=5 * index) for index in range(_PER_HOUR))
        hour += timedelta(hours=1)
