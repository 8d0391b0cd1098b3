"""Simulated raters: they follow the judge with stated noise, a side bias and a pace.

They prefer the image that meets the prompt and, between equals, the better drawn one. Whatever
they say is stored as a rater of kind `simulated` and never counts as a person's.
"""

import math
from dataclasses import asdict, dataclass, replace

import numpy as np

from data.records import Aspect, Choice
from emoji_world.judge import Verdict


@dataclass(frozen=True, kw_only=True)
class SimulatedRater:
    """One simulated rater."""

    name: str
    flip_rate: float = 0.15
    """Probability that a preference comes out the wrong way round."""

    side_bias: float = 0.0
    """Probability of choosing left without looking; negative: right."""

    seconds: float = 2.0
    """Median time for one comparison."""

    def __post_init__(self) -> None:
        if not 0 <= self.flip_rate <= 0.5:
            raise ValueError(f"flip_rate must lie between 0 and 0.5, got {self.flip_rate}")
        if not -1 <= self.side_bias <= 1:
            raise ValueError(f"side_bias must lie between -1 and 1, got {self.side_bias}")

    def choose(
        self,
        left: Verdict,
        right: Verdict,
        rng: np.random.Generator,
        aspect: Aspect = Aspect.OVERALL,
    ) -> tuple[Choice, int]:
        """Compare two images of one prompt; return the choice and the milliseconds it took."""
        milliseconds = int(1000 * self.seconds * math.exp(0.5 * rng.normal()))
        if rng.random() < abs(self.side_bias):
            return (Choice.LEFT if self.side_bias > 0 else Choice.RIGHT), milliseconds
        honest = judgement(_as_asked(left, aspect), _as_asked(right, aspect))
        if honest in _FLIPPED and rng.random() < self.flip_rate:
            honest = _FLIPPED[honest]
        return honest, milliseconds

    def traits(self) -> dict[str, float | str]:
        """Say what is stated of this rater, for the store."""
        return asdict(self)


_FLIPPED = {Choice.LEFT: Choice.RIGHT, Choice.RIGHT: Choice.LEFT}

_QUALITY_STEP = 0.35
"""A difference in drawing that a rater notices."""


def judgement(left: Verdict, right: Verdict) -> Choice:
    """Compare without noise: the prompt first, then the drawing; equals are a tie or both bad."""
    if left.met != right.met:
        return Choice.LEFT if left.met else Choice.RIGHT
    if abs(left.quality - right.quality) >= _QUALITY_STEP:
        return Choice.LEFT if left.quality > right.quality else Choice.RIGHT
    return Choice.TIE if left.met else Choice.BOTH_BAD


def _as_asked(verdict: Verdict, aspect: Aspect) -> Verdict:
    """Return what counts of a verdict where one aspect is asked about.

    Alignment is what is met and how well it matches, however it is drawn; quality is the drawing,
    whatever it shows.
    """
    match aspect:
        case Aspect.ALIGNMENT:
            return replace(verdict, quality=verdict.match)
        case Aspect.QUALITY:
            return replace(verdict, met=True)
        case Aspect.OVERALL:
            return verdict
