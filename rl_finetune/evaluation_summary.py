"""From evaluated images to a policy's measures, each beside the base's at the same prompts.

Images of one prompt are not independent, so intervals resample whole prompts (95 %, percentile
bootstrap) and differences are taken prompt by prompt.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev

import numpy as np
from scipy.stats import bootstrap

from rl_finetune.evaluation import EvaluatedImage

Table = dict[str, dict[str, float]]
"""Values of each measure by prompt."""

_NUM_RESAMPLES = 2000
_BOOTSTRAP_SEED = 0
"""Fixed: the same images give the same intervals."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """A mean over prompts with its 95 % interval; none where a single prompt allows none."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Measure:
    """What one measure says of a policy."""

    policy: Estimate
    gain: Estimate
    """Over the base, at the same prompts."""
    families: dict[str, float]
    """The policy's mean per family of prompts."""


def tabulate(images: Sequence[EvaluatedImage]) -> Table:
    """Return every measure's mean over each prompt's images.

    Beside what is known of single images that is `reward_std`, the standard deviation of each
    reward within a prompt: it falls as a policy collapses.
    """
    by_prompt: dict[str, list[EvaluatedImage]] = {}
    for image in images:
        by_prompt.setdefault(image.prompt, []).append(image)
    table: Table = {}
    for prompt, of_prompt in by_prompt.items():
        for name, value in _measures_of_prompt(of_prompt).items():
            table.setdefault(name, {})[prompt] = value
    return table


def _measures_of_prompt(images: Sequence[EvaluatedImage]) -> dict[str, float]:
    measures: dict[str, float] = {}
    for name in images[0].rewards:
        values = [image.rewards[name] for image in images]
        measures[f"reward {name}"] = fmean(values)
        measures[f"reward_std {name}"] = pstdev(values)
    for name in ("kl", "saturation", "edge_density"):
        measures[name] = fmean(getattr(image, name) for image in images)
    distances = [image.distance for image in images if image.distance is not None]
    return measures | ({"diversity": fmean(distances)} if distances else {})


def compare(policy: Sequence[EvaluatedImage], base: Sequence[EvaluatedImage]) -> dict[str, Measure]:
    """Return every measure of a policy beside the base's, from images of the same prompts."""
    after, before = tabulate(policy), tabulate(base)
    family_of = {image.prompt: image.family for image in policy}
    return {
        name: Measure(
            policy=estimate(list(values.values())),
            gain=estimate([value - before[name][prompt] for prompt, value in values.items()]),
            families=_by_family(values, family_of),
        )
        for name, values in after.items()
    }


def _by_family(values: Mapping[str, float], family_of: Mapping[str, str]) -> dict[str, float]:
    families: dict[str, list[float]] = {}
    for prompt, value in values.items():
        families.setdefault(family_of[prompt], []).append(value)
    return {family: fmean(of_family) for family, of_family in families.items()}


def estimate(values: Sequence[float]) -> Estimate:
    """Return the mean of one value per prompt, with its interval."""
    if len(values) < 2:
        return Estimate(value=fmean(values), low=None, high=None)
    found = bootstrap(
        (np.asarray(values, dtype=np.float64),),
        np.mean,
        n_resamples=_NUM_RESAMPLES,
        method="percentile",
        rng=np.random.default_rng(_BOOTSTRAP_SEED),
    ).confidence_interval
    return Estimate(value=fmean(values), low=float(found.low), high=float(found.high))
