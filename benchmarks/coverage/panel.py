"""Simulated raters who mistake themselves, and the agreement and accuracy that are true of them."""

from dataclasses import dataclass
from itertools import product

import numpy as np
from jaxtyping import Float, Int

from data.rating_statistics.ceiling import other_choices
from data.rating_statistics.outcomes import OutcomeTable, outcome_counts

Rows = Int[np.ndarray, "rows raters"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """Raters who all answer every pair; a mistake is any of the other answers, equally probable."""

    mistakes: tuple[float, ...]
    """Each rater's probability of one, on easy prompts."""
    shares: tuple[float, ...]
    """How often A, B and so on is the right answer."""
    num_prompts: int
    pairs_a_prompt: int = 1
    harder: float = 0.0
    """Added to the mistakes on every second prompt."""

    def draw(self, generator: np.random.Generator) -> OutcomeTable:
        """Draw prompts, right answers and mistakes."""
        prompts = np.repeat(np.arange(self.num_prompts), self.pairs_a_prompt)
        is_hard = (generator.random(self.num_prompts) < 0.5)[prompts]
        right = generator.choice(len(self.shares), size=len(prompts), p=self.shares)
        mistakes = np.array(self.mistakes) + self.harder * is_hard[:, None]
        is_wrong = generator.random(mistakes.shape) < mistakes
        shift = generator.integers(1, len(self.shares), size=mistakes.shape)
        return OutcomeTable(
            outcomes=(right[:, None] + is_wrong * shift) % len(self.shares),
            pair_ids=tuple(str(n) for n in range(len(prompts))),
            prompt_ids=tuple(str(n) for n in prompts),
            rater_ids=tuple(str(n) for n in range(len(self.mistakes))),
        )

    def alpha(self) -> float:
        """Return Krippendorff's alpha over infinitely many pairs."""
        rows, chances = self._possible()
        num = rows.shape[1]
        counts = outcome_counts(*_listed(rows), len(rows))
        agreeing = (np.square(counts).sum(axis=1) - num) / (num * (num - 1))
        expected = np.square(chances @ counts / num).sum()
        return float((chances @ agreeing - expected) / (1 - expected))

    def accuracies(self) -> tuple[float, float]:
        """Return how often a rater is right about another one, and about the others' majority.

        Only for two right answers: with ties not everything is decided.
        """
        assert len(self.shares) == 2
        rows, chances = self._possible()
        agree, others = (each.reshape(rows.shape) for each in other_choices(*_listed(rows)))
        majority = np.where(2 * agree == others, 0.5, 2 * agree > others)
        of_another, of_majority = (
            chances @ hits.mean(axis=1) for hits in (agree / others, majority)
        )
        return float(of_another), float(of_majority)

    def _possible(self) -> tuple[Rows, Float[np.ndarray, " rows"]]:
        """Return all answers that raters can give to a pair, and the probability of each."""
        values = range(len(self.shares))
        rows = np.array(list(product(values, repeat=len(self.mistakes))))
        chances = np.zeros(len(rows))
        for harder, (right, share) in product((0, self.harder), enumerate(self.shares)):
            wrong = np.array(self.mistakes) + harder
            each = np.where(rows == right, 1 - wrong, wrong / (len(self.shares) - 1))
            chances += share / 2 * each.prod(axis=1)
        return rows, chances


def _listed(rows: Rows) -> tuple[Int[np.ndarray, " answers"], Int[np.ndarray, " answers"]]:
    """Return answers one by one, and the number of each one's row."""
    return rows.ravel(), np.repeat(np.arange(len(rows)), rows.shape[1])
