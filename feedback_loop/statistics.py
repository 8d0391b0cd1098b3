"""From measured images to numbers with intervals.

Images of one prompt are not independent, so 95 % intervals resample whole prompts, and policies are
compared image by image at the same prompts and seeds. Resampling tells nothing of prompts that it
has not seen: with fewer than eight of them, or where all are alike, a share has a wider interval
that takes nothing for certain, and any other mean one by Student's t, or none where all are alike.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from data.rating_statistics.estimates import quantile
from feedback_loop.measurements import MeasuredImage
from reward_training.inputs.split import FEW_PROMPTS
from reward_training.trust.evaluate import Estimate, clustered_estimate
from reward_training.trust.intervals import GAIN_OF_SHARE, SHARE, careful_estimate

_BOOTSTRAP_SEED = 0
"""Fixed: the same measurements give the same intervals."""

Value = Callable[[MeasuredImage], float | bool | None]
"""What is averaged over images; one that is true or false makes a share."""


def estimate(images: Iterable[MeasuredImage], value: Value) -> Estimate | None:
    """Return the mean of a value with its interval; None where no image has the value."""
    known = [(image.prompt_id, v) for image in images if (v := value(image)) is not None]
    is_share = all(isinstance(v, bool) for _, v in known)
    return _clustered(known, SHARE if is_share else None)


def gain(
    before: Iterable[MeasuredImage], after: Iterable[MeasuredImage], value: Value
) -> Estimate | None:
    """Return the mean difference at the same prompts and seeds; None where nothing compares.

    Images set against themselves gain nothing, which no sample has to show: without an interval.
    """
    first = {(image.prompt_id, image.seed): image for image in before}
    both = [(old, new) for new in after if (old := first.get((new.prompt_id, new.seed)))]
    known = [(new.prompt_id, value(old), value(new)) for old, new in both]
    differences = [(p, b - a) for p, a, b in known if a is not None and b is not None]
    is_share = all(isinstance(v, bool | None) for _, *values in known for v in values)
    if differences and all(old.image_id == new.image_id for old, new in both):
        return Estimate(0.0, None, None)
    return _clustered(differences, GAIN_OF_SHARE if is_share else None)


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
    reward = _clustered([(prompt, hit) for prompt, hit, _ in rows], SHARE)
    clip = _clustered([(prompt, hit) for prompt, _, hit in rows], SHARE)
    ahead = _clustered([(p, hit - of_clip) for p, hit, of_clip in rows], GAIN_OF_SHARE)
    if reward is None or clip is None or ahead is None:
        return None
    return OrderAccuracy(len(rows), reward, clip, ahead)


def _hit(better: float | None, worse: float | None) -> float:
    assert better is not None
    assert worse is not None
    return 0.5 if better == worse else float(better > worse)


def _clustered(
    rows: Sequence[tuple[str, float]], bounds: tuple[int, int] | None
) -> Estimate | None:
    """Return the mean of values by prompt; what has bounds is a share or a gain in one."""
    if not rows:
        return None
    values = np.array([value for _, value in rows], dtype=np.float64)
    number_of = {prompt_id: n for n, prompt_id in enumerate(dict.fromkeys(p for p, _ in rows))}
    prompt = np.array([number_of[prompt_id] for prompt_id, _ in rows])
    generator = np.random.default_rng(_BOOTSTRAP_SEED)
    if bounds is None:
        return _mean(values, prompt, generator)
    return careful_estimate(values, prompt, generator, bounds)


def _mean(
    values: Float[np.ndarray, " images"],
    prompt: Int[np.ndarray, " images"],
    generator: np.random.Generator,
) -> Estimate:
    """Return the mean of values of any size; without an interval where all prompts are alike."""
    if len(np.unique(prompt)) < FEW_PROMPTS:
        found = _by_student(values, prompt)
    else:
        found = clustered_estimate(values, prompt, generator)
    if found.low is None or found.high is None:
        return found
    are_alike = math.isclose(found.low, found.high, rel_tol=1e-9, abs_tol=1e-12)
    return Estimate(found.value, None, None) if are_alike else found


def _by_student(
    values: Float[np.ndarray, " images"], prompt: Int[np.ndarray, " images"]
) -> Estimate:
    """Return the mean with Student's interval, its error that of leaving out each prompt in turn.

    With as many images of each prompt that is the interval of the prompts' means.
    """
    mean, sums, sizes = float(values.mean()), np.bincount(prompt, values), np.bincount(prompt)
    num = len(sizes)
    if num < 2:
        return Estimate(mean, None, None)
    without = (values.sum() - sums) / (values.size - sizes)
    error = np.sqrt((num - 1) / num * np.square(without - mean).sum())
    reach = float(quantile(num) * error)
    return Estimate(mean, mean - reach, mean + reach)
