"""Gold pairs: an image of the prompt against one that was drawn for another, so we know the better.

They cost no drawing. Where the world has a judge, the better image meets the prompt and the other
does not; elsewhere the other image's prompt shares as few words with it as can be found. Which of
the two is the better picture nobody knows, so a round that asks no more than that has none.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from data.records import Aspect, Image, Pair, Prompt
from feedback_loop.loop import Loop
from feedback_loop.world import judge_of

_TRIES = 8
"""Candidates looked at for each pair that is wanted, and foils for each candidate."""


def add_gold(loop: Loop, number: int, images: Sequence[Image]) -> None:
    """Make the round's gold pairs of its images; what is there already stays as it is."""
    config = loop.config
    if set(config.generate.aspects) == {Aspect.QUALITY}:
        return
    num = round(config.people.gold_share * config.generate.num_pairs)
    prompts = {prompt.prompt_id: prompt for prompt in loop.prompts("train", "compared")}
    rng = np.random.default_rng([config.seed, number, 1])
    candidates = list(_candidates(images, prompts, num * _TRIES, rng))
    candidates = _meeting(loop, candidates, prompts)
    loop.store.add_pairs([_gold_pair(loop, number, *met) for met in candidates[:num]])


def _gold_pair(loop: Loop, number: int, better: Image, foil: Image) -> Pair:
    return Pair.new(
        round=number,
        prompt_id=better.prompt_id,
        image_a=better.image_id,
        image_b=foil.image_id,
        aspects=loop.config.generate.aspects,
        better=better.image_id,
    )


def _candidates(
    images: Sequence[Image],
    prompts: Mapping[str, Prompt],
    num: int,
    rng: np.random.Generator,
) -> Iterator[tuple[Image, Image]]:
    """Yield images with foils, each image at most once."""
    for place in rng.permutation(len(images))[:num]:
        better = images[int(place)]
        others = [images[int(n)] for n in rng.integers(len(images), size=_TRIES)]
        foils = [other for other in others if other.prompt_id != better.prompt_id]
        if foils:
            asked = prompts[better.prompt_id]
            yield better, min(foils, key=lambda foil: shared_words(asked, prompts[foil.prompt_id]))


def shared_words(prompt: Prompt, other: Prompt) -> int:
    """Count the words that both prompts have, but for the shortest."""
    mine, others = (
        {word for word in each.text.lower().split() if len(word) > 2} for each in (prompt, other)
    )
    return len(mine & others)


def _meeting(
    loop: Loop, candidates: list[tuple[Image, Image]], prompts: Mapping[str, Prompt]
) -> list[tuple[Image, Image]]:
    """Keep those of which the judge, where there is one, says that the better meets the prompt."""
    judge = judge_of(loop.config) if candidates else None
    if judge is None:
        return candidates
    from feedback_loop.pixels import read_images

    shown = [image.sha256 for pair in candidates for image in pair]
    asked = [prompts[better.prompt_id].text for better, _ in candidates for _ in range(2)]
    verdicts = judge.verdicts(read_images(loop.workspace, shown), asked)
    known = zip(candidates, verdicts[::2], verdicts[1::2], strict=True)
    return [pair for pair, better, foil in known if better.met and foil.known and not foil.met]
