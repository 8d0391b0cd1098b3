"""The human ceiling: how well one rater's choices tell another's, on pairs that several rated.

A reward model that is scored on single raters' choices can hardly do better (Xu et al. 2023,
"ImageReward", Table 2: 65 %). Ties and both bad order nothing and are left out.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from data.rating_statistics.estimates import Estimate, clustered_share
from data.rating_statistics.outcomes import DECIDED, OutcomeTable, outcome_counts

Hits = Float[np.ndarray, "pairs raters"]


@dataclass(frozen=True, slots=True)
class HumanCeiling:
    """Accuracies in [0, 1], clustered by prompt; `num` counts pairs. None where none overlap."""

    of_another: Estimate | None
    """Of one rater against another one: pairs that two or more decided."""
    of_majority: Estimate | None
    """Of one rater against the majority of the others: pairs that three or more decided. An even
    split of the others counts half."""


def human_ceiling(table: OutcomeTable) -> HumanCeiling:
    """Return how well raters tell each other's choices; every decided comparison counts once."""
    agree, others = other_choices(table.outcomes)
    with np.errstate(invalid="ignore"):
        of_another = agree / others
    of_majority = np.where(2 * agree == others, 0.5, (2 * agree > others).astype(np.float64))
    return HumanCeiling(
        of_another=_accuracy(of_another, others >= 1, table),
        of_majority=_accuracy(of_majority, others >= 2, table),
    )


def other_choices(outcomes: Int[np.ndarray, "pairs raters"]) -> tuple[Hits, Hits]:
    """Count, for each decided comparison, the others that chose the same, and all the others.

    Others are the other raters' decided comparisons of the pair; both are 0 where a comparison is
    not decided.
    """
    votes = outcome_counts(outcomes)[:, list(DECIDED)]
    is_decided = np.isin(outcomes, DECIDED)
    same = np.take_along_axis(votes, np.where(is_decided, outcomes, 0), axis=1)
    agree = np.where(is_decided, same - 1, 0)
    others = np.where(is_decided, votes.sum(axis=1, keepdims=True) - 1, 0)
    return agree.astype(np.float64), others.astype(np.float64)


def _accuracy(
    hits: Hits, counts: Bool[np.ndarray, "pairs raters"], table: OutcomeTable
) -> Estimate | None:
    """Sum up pair by pair: choices on one pair are not independent."""
    weights = counts.sum(axis=1)
    known = weights > 0
    sums = np.where(counts, hits, 0).sum(axis=1)
    sums, sizes = sums[known], weights[known].astype(np.float64)
    # Of a pair's raters all but one are free to agree or not.
    most = float((sizes - 1).sum())
    return clustered_share(sums, sizes, table.prompts[known], most)
