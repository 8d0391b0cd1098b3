"""Which images a round needs and which of them meet: pure, and the same for the same arguments.

Images of a prompt stand in a ring. Every second one is paired with its next neighbour, then those
between are, then each is paired with the one after that, and so on: every image is seen as often as
any other, once or once more, and n pairs can be made of n images as well as of 2n.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from data.errors import PromptError


@dataclass(frozen=True, slots=True)
class Share:
    """What one prompt contributes to a round."""

    prompt_id: str
    num_images: int
    num_pairs: int
    num_across: int
    """How many of the pairs should meet an earlier policy's image, where there are any."""


def share_out(
    prompt_ids: Sequence[str], *, num_images: int, num_pairs: int, rng: np.random.Generator
) -> list[Share]:
    """Spread images and pairs evenly over the prompts; half of all pairs should be across.

    Where there are fewer pairs than prompts, some prompts are drawn. `PromptError` where so many
    pairs cannot be made of so few images.
    """
    drawn = _shuffled(prompt_ids, rng)
    used = drawn[: min(num_pairs, num_images // 2)]
    images, pairs = _evenly(num_images, len(used)), _evenly(num_pairs, len(used))
    across = _evenly(num_pairs // 2, len(used))
    for few, many in zip(images, pairs, strict=True):
        if many > few * (few - 1) // 2:
            raise PromptError(
                f"{num_pairs} pairs over {len(used)} prompts need more than {num_images} images; "
                "raise generate.num_images"
            )
    order = {prompt_id: place for place, prompt_id in enumerate(prompt_ids)}
    shares = [Share(*row) for row in zip(used, images, pairs, across, strict=True)]
    return sorted(shares, key=lambda share: order[share.prompt_id])


def _shuffled(items: Sequence[str], rng: np.random.Generator) -> list[str]:
    return [items[int(place)] for place in rng.permutation(len(items))]


def _evenly(total: int, num_parts: int) -> list[int]:
    share, rest = divmod(total, num_parts)
    return [share + (part < rest) for part in range(num_parts)]


def ring(num_images: int) -> Iterator[tuple[int, int]]:
    """Yield every pair of the images 0 to num_images - 1 once, neighbours in the ring first."""
    for stride in range(1, num_images // 2 + 1):
        is_diameter = 2 * stride == num_images
        places = range(num_images // 2 if is_diameter else num_images)
        for first in [*places[::2], *places[1::2]] if stride == 1 else places:
            yield first, (first + stride) % num_images


def pair_up(
    newest: Sequence[str],
    earlier: Sequence[str],
    *,
    num_pairs: int,
    num_across: int,
    rng: np.random.Generator,
) -> list[tuple[str, str]]:
    """Pair the images of one prompt: some newest with earlier, if there are any, then the newest.

    Every image of `newest` is used before one is used again, except that one more of an odd number
    may be; the same holds for `earlier`.
    """
    shuffled, others = _shuffled(newest, rng), _shuffled(earlier, rng)
    across = [
        (shuffled[place % len(shuffled)], others[(place + place // len(shuffled)) % len(others)])
        for place in range(min(num_across, len(shuffled) * len(others)))
    ]
    unique = list(dict.fromkeys(across))
    # Those that have met no earlier image come first.
    waiting = shuffled[len(unique) :] + shuffled[: len(unique)]
    within = [(waiting[a], waiting[b]) for a, b in ring(len(waiting))]
    return unique + within[: num_pairs - len(unique)]
