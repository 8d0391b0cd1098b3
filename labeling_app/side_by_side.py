"""Which images stand side by side in the gallery: two policies' at one prompt and one seed."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from data.records import Choice, Comparison, Image, Pair, Prompt, Sampler

_Drawing = tuple[str, int, Sampler]


@dataclass(frozen=True, kw_only=True, slots=True)
class Couple:
    """Two images that differ in nothing but the policy."""

    left: Image
    right: Image

    @property
    def seed(self) -> int:
        """The seed of both."""
        return self.left.seed


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A prompt with its couples, by seed."""

    prompt: Prompt
    couples: tuple[Couple, ...]


def side_by_side(
    prompts: Iterable[Prompt],
    left: Sequence[Image],
    right: Sequence[Image],
    *,
    kept_back: frozenset[str] = frozenset(),
) -> list[Row]:
    """Return a row for each prompt that both policies drew at a seed, drawn in the same way.

    Prompts keep their order. `kept_back` are ids of images that are not to be shown.
    """
    there, here = _by_drawing(left, kept_back), _by_drawing(right, kept_back)
    couples: dict[str, dict[int, Couple]] = {}
    for drawing in there.keys() & here.keys():
        of_prompt = couples.setdefault(drawing[0], {})
        couple = Couple(left=there[drawing], right=here[drawing])
        known = of_prompt.get(couple.seed)
        # Where a seed was drawn in several ways, the way it was drawn last.
        if known is None or _drawn_at(known) < _drawn_at(couple):
            of_prompt[couple.seed] = couple
    return [
        Row(prompt=prompt, couples=tuple(found for _, found in sorted(of_prompt.items())))
        for prompt in prompts
        if (of_prompt := couples.get(prompt.prompt_id))
    ]


def chosen(rows: Iterable[Row], *, family: str | None, split: str | None) -> list[Row]:
    """Return the rows of a family and a split, or of all where none is named."""
    return [
        row
        for row in rows
        if family in (None, row.prompt.family) and split in (None, row.prompt.split)
    ]


def awaited(pairs: Iterable[Pair], comparisons: Iterable[Comparison]) -> frozenset[str]:
    """Return the ids of images that people are still to compare, blind to who made them.

    Gold pairs are always among them: whoever comes next is asked them too.
    """
    given = {(c.pair_id, c.aspect, c.rater_id) for c in comparisons if c.choice is not Choice.SKIP}
    num_given = Counter(pair_id for pair_id, *_ in given)
    waiting = [pair for pair in pairs if pair.better or num_given[pair.pair_id] < _num_asked(pair)]
    return frozenset(image for pair in waiting for image in (pair.image_a, pair.image_b))


def _num_asked(pair: Pair) -> int:
    return pair.num_raters * len(pair.aspects)


def _by_drawing(images: Sequence[Image], kept_back: frozenset[str]) -> Mapping[_Drawing, Image]:
    return {
        (image.prompt_id, image.seed, image.sampler): image
        for image in images
        if image.image_id not in kept_back
    }


def _drawn_at(couple: Couple) -> datetime:
    return max(couple.left.created_at, couple.right.created_at)
