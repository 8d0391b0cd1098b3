"""Simulated raters: they follow the judge with stated noise, a side bias and a pace.

They prefer the image that meets the prompt and, between equals, the better drawn one. Whatever
they say is stored as a rater of kind `simulated` and never counts as a person's.
"""

import math
from dataclasses import asdict, dataclass

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
        honest = judgement(left, right, aspect)
        if honest in _FLIPPED and rng.random() < self.flip_rate:
            honest = _FLIPPED[honest]
        return honest, milliseconds

    def traits(self) -> dict[str, float | str]:
        """Say what is stated of this rater, for the store."""
        return asdict(self)


_FLIPPED = {Choice.LEFT: Choice.RIGHT, Choice.RIGHT: Choice.LEFT}

QUALITY_STEP = 0.35
"""A difference in drawing that a rater notices."""


def judgement(left: Verdict, right: Verdict, aspect: Aspect = Aspect.OVERALL) -> Choice:
    """Compare without noise: the prompt first, then the drawing; equals are a tie or both bad.

    Asked about alignment, only the prompt counts; asked about quality, only the drawing.
    """
    if aspect is not Aspect.QUALITY and left.met != right.met:
        return Choice.LEFT if left.met else Choice.RIGHT
    is_seen = abs(left.quality - right.quality) >= QUALITY_STEP
    if aspect is not Aspect.ALIGNMENT and is_seen:
        return Choice.LEFT if left.quality > right.quality else Choice.RIGHT
    return Choice.TIE if left.met or aspect is Aspect.QUALITY else Choice.BOTH_BAD
