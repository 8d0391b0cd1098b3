"""How much of what each rater answers follows the images: learned beside the reward.

Rater k answers by the reward's own probabilities with probability rho_k, and otherwise without
looking, by the habits that all of k's answers show:

    P_k(y) = rho_k P(y | images) + (1 - rho_k) h_k(y)

So a rater whose answers no reward explains loses weight, without gold pairs and without pairs that
several raters saw (Chen et al. 2013, "Pairwise ranking aggregation in a crowdsourced setting",
Eq. 3, with guesses in the place of malice). Habits do not know a side from another: h(a) = h(b).
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from reward_training.inputs.dataset import Comparisons
from reward_training.inputs.outcomes import DECIDED, NUM_OUTCOMES
from reward_training.learning.losses import merge_outcomes

AT_FIRST = 0.9
"""Reliability that every rater begins with."""
SMOOTHING = 1.0
"""Answers of each kind that every rater is taken to have given beside their own."""


class Reliability(nn.Module):
    """A reliability for each rater, from 0 (guesses) to 1 (answers by the images)."""

    habits: Float[Tensor, "raters 4"]

    def __init__(self, comparisons: Comparisons) -> None:
        super().__init__()
        self.names = sorted(set(comparisons.raters))
        first = math.log(AT_FIRST / (1 - AT_FIRST))
        self.logits = nn.Parameter(torch.full((len(self.names),), first))
        self.register_buffer("habits", _habits(self.rows_of(comparisons), comparisons.targets))

    def rows_of(self, comparisons: Comparisons) -> Int[Tensor, " pairs"]:
        """Return whose each comparison is, as a row of `names`."""
        row_of = {name: row for row, name in enumerate(self.names)}
        return torch.tensor([row_of[name] for name in comparisons.raters])

    def mix(
        self, log_probabilities: Float[Tensor, "pairs outcomes"], comparisons: Comparisons
    ) -> Float[Tensor, "pairs outcomes"]:
        """Return log P_k of each outcome, from what the reward says of it."""
        rows = self.rows_of(comparisons).to(self.logits.device)
        logits = self.logits[rows, None]
        guess = merge_outcomes(self.habits[rows], log_probabilities.shape[-1])
        return torch.logaddexp(
            functional.logsigmoid(logits) + log_probabilities,
            functional.logsigmoid(-logits) + guess.log(),
        )

    def of(self, comparisons: Comparisons) -> Float[Tensor, " pairs"]:
        """Return the reliability of whoever gave each answer, without gradients."""
        rows = self.rows_of(comparisons).to(self.logits.device)
        return self.logits.detach()[rows].sigmoid()

    def by_name(self) -> dict[str, float]:
        """Return each rater's reliability."""
        return dict(zip(self.names, self.logits.detach().sigmoid().tolist(), strict=True))


def _habits(
    rows: Int[Tensor, " pairs"], targets: Float[Tensor, "pairs 4"]
) -> Float[Tensor, "raters 4"]:
    """Return how often each rater gives each answer, the two images taken together."""
    counts = torch.full((int(rows.max()) + 1, NUM_OUTCOMES), SMOOTHING)
    counts.index_add_(0, rows, targets)
    counts[:, : len(DECIDED)] = counts[:, : len(DECIDED)].mean(dim=-1, keepdim=True)
    return counts / counts.sum(dim=-1, keepdim=True)
