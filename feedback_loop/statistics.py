"""From measured images to numbers with intervals.

Images of one prompt are not independent, so intervals resample whole prompts (95 %, percentile
bootstrap), and policies are compared image by image at the same prompts and seeds.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from feedback_loop.measurements import MeasuredImage
from reward_training.trust.evaluate import Estimate, clustered_estimate

_BOOTSTRAP_SEED = 0
"""Fixed: the same measurements give the same intervals."""


def estimate(
    images: Iterable[MeasuredImage], value: Callable[[MeasuredImage], float | bool | None]
) -> Estimate | None:
    """Return the mean of a value with its interval; None where no image has the value."""
    known = [(image.prompt_id, float(v)) for image in images if (v := value(image)) is not None]
    return _clustered(known)


def gain(
    before: Iterable[MeasuredImage],
    after: Iterable[MeasuredImage],
    value: Callable[[MeasuredImage], float | bool | None],
) -> Estimate | None:
    """Return the mean difference at the same prompts and seeds; None where nothing compares."""
    first = {(image.prompt_id, image.seed): value(image) for image in before}
    differences = []
    for image in after:
        old, new = first.get((image.prompt_id, image.seed)), value(image)
        if old is not None and new is not None:
            differences.append((image.prompt_id, float(new) - float(old)))
    return _clustered(differences)


@dataclass(frozen=True, slots=True)
class OrderAccuracy:
    """How often two rewards order pairs as the truth does: one image meets the prompt, one not."""

    num_pairs: int
    reward: Estimate
    clip: Estimate
    gain: Estimate


def order_accuracy(images: Sequence[MeasuredImage]) -> OrderAccuracy | None:
    """Compare the learned reward and untouched CLIP with the truth, on all pairs within a prompt.

    None where no pair of a prompt differs in truth or no reward is known.
    """
    by_prompt: dict[str, list[MeasuredImage]] = {}
    for image in images:
        if image.met is not None and image.reward is not None:
            by_prompt.setdefault(image.prompt_id, []).append(image)
    rows: list[tuple[str, float, float]] = []
    for prompt_id, of_prompt in by_prompt.items():
        good, bad = ([i for i in of_prompt if i.met is met] for met in (True, False))
        rows += [
            (prompt_id, _hit(a.reward, b.reward), _hit(a.clip, b.clip)) for a in good for b in bad
        ]
    reward = _clustered([(prompt, hit) for prompt, hit, _ in rows])
    clip = _clustered([(prompt, hit) for prompt, _, hit in rows])
    ahead = _clustered([(prompt, hit - of_clip) for prompt, hit, of_clip in rows])
    if reward is None or clip is None or ahead is None:
        return None
    return OrderAccuracy(len(rows), reward, clip, ahead)


def _hit(better: float | None, worse: float | None) -> float:
    assert better is not None
    assert worse is not None
    return 0.5 if better == worse else float(better > worse)


def _clustered(values: Sequence[tuple[str, float]]) -> Estimate | None:
    if not values:
        return None
    number_of = {prompt_id: n for n, prompt_id in enumerate(dict.fromkeys(p for p, _ in values))}
    return clustered_estimate(
        np.array([value for _, value in values], dtype=np.float64),
        np.array([number_of[prompt_id] for prompt_id, _ in values]),
        np.random.default_rng(_BOOTSTRAP_SEED),
    )
