"""A simulated reward that orders pairs of most prompts rightly, and of hard ones by chance."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

_CHANCE = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Exam:
    """Prompts with as many pairs each."""

    num_prompts: int
    pairs_a_prompt: int = 10
    hard: float = 0.3
    """Probability that a prompt is hard."""
    easy_share: float = 1.0
    """How often a pair of another prompt is ordered rightly."""

    def draw(
        self, generator: np.random.Generator
    ) -> tuple[Float[np.ndarray, " pairs"], Int[np.ndarray, " pairs"]]:
        """Return which pairs are ordered rightly, 1 or 0, and their prompts."""
        is_hard = generator.random(self.num_prompts) < self.hard
        share = np.where(is_hard, _CHANCE, self.easy_share)
        prompts = np.repeat(np.arange(self.num_prompts), self.pairs_a_prompt)
        hits = generator.random(len(prompts)) < share[prompts]
        return hits.astype(np.float64), prompts

    def share(self) -> float:
        """Return the share over infinitely many prompts."""
        return self.hard * _CHANCE + (1 - self.hard) * self.easy_share
