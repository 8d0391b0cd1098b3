"""How a held-out error falls with the number of comparisons, and what some more would be worth.

    error(n) = a + b n^-c        a, b >= 0

Errors of learning fall as a power of the data towards a floor that no data lowers (Hestness et al.
2017, "Deep Learning Scaling is Predictable, Empirically", Sec. 2; Viering and Loog 2023, "The Shape
of Learning Curves", Sec. 4). Given c, a and b are non-negative least squares.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import nnls

from reward_training.inputs.split import FEW_PROMPTS
from reward_training.trust.evaluate import COVERAGE

FEW_SIZES = 4
"""One more than a curve has numbers."""
NUM_RESAMPLES = 500
_EXPONENTS = np.geomspace(0.05, 2, 40)

Sizes = Float[np.ndarray, " sizes"]
Wrong = Float[np.ndarray, "sizes pairs"]


@dataclass(frozen=True)
class Saturation:
    """A falling curve; `unit` is a number of comparisons at which the error is floor plus fall."""

    floor: float
    fall: float
    exponent: float
    unit: float

    def error(self, size: float) -> float:
        """Return the error after learning from so many comparisons."""
        return self.floor + self.fall * (size / self.unit) ** -self.exponent


@dataclass(frozen=True)
class Worth:
    """By how much more comparisons lower the error, or why that cannot be told."""

    gain: float | None
    interval: list[float] | None
    unknown: str = ""


def fit_saturation(sizes: Sizes, errors: Sizes) -> Saturation:
    """Return the curve of least squares, which never rises."""
    unit = float(sizes.max())
    found = []
    for exponent in _EXPONENTS:
        terms = np.stack([np.ones_like(sizes), (sizes / unit) ** -exponent], axis=1)
        (floor, fall), residual = nnls(terms, errors)
        found.append((residual, Saturation(float(floor), float(fall), float(exponent), unit)))
    return min(found, key=lambda each: each[0])[1]


def worth_of_more(
    sizes: Sizes,
    wrong: Wrong,
    prompt: Int[np.ndarray, " pairs"],
    *,
    now: int,
    more: int,
    generator: np.random.Generator,
) -> Worth:
    """Return what `more` comparisons on top of `now` would take off the held-out error.

    The interval is for other prompts: they are drawn anew and the curve is fitted again. It says
    nothing of the luck of which comparisons were learned from.

    Args:
        sizes: How many comparisons were learned from.
        wrong: Whether each held-out pair was then ordered wrongly, 1 or 0.
        prompt: Of each pair.
        now: How many comparisons there are.
        more: How many would be added.
        generator: Draws the prompts.
    """
    if unknown := _why_unknown(sizes, prompt):
        return Worth(None, None, unknown)
    drawn = _resampled_errors(wrong, prompt, generator)
    if np.quantile(drawn[:, 0] - drawn[:, -1], (1 - COVERAGE) / 2) <= 0:
        few, many = int(sizes[0]), int(sizes[-1])
        unknown = f"accuracy with {many} is not measurably above that with {few}"
        return Worth(None, None, unknown)
    gains = [_gain(fit_saturation(sizes, errors), now, more) for errors in drawn]
    low, high = np.quantile(gains, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    gain = _gain(fit_saturation(sizes, wrong.mean(axis=1)), now, more)
    return Worth(gain, [float(low), float(high)])


def _why_unknown(sizes: Sizes, prompt: Int[np.ndarray, " pairs"]) -> str:
    num_prompts = len(np.unique(prompt))
    if len(sizes) < FEW_SIZES:
        return f"a curve needs {FEW_SIZES} numbers of comparisons, and there are {len(sizes)}"
    if num_prompts < FEW_PROMPTS:
        return f"only {num_prompts} prompts are held out, and {FEW_PROMPTS} are needed"
    return ""


def _resampled_errors(
    wrong: Wrong, prompt: Int[np.ndarray, " pairs"], generator: np.random.Generator
) -> Float[np.ndarray, "draws sizes"]:
    """Return the errors on prompts drawn with replacement, the same ones at every size."""
    _, rows = np.unique(prompt, return_inverse=True)
    pairs = np.bincount(rows)
    sums = np.stack([np.bincount(rows, each) for each in wrong])
    times = generator.multinomial(
        len(pairs), np.full(len(pairs), 1 / len(pairs)), size=NUM_RESAMPLES
    )
    return (times @ sums.T) / (times @ pairs)[:, None]


def _gain(curve: Saturation, now: int, more: int) -> float:
    return curve.error(now) - curve.error(now + more)
