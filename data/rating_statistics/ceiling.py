"""The human ceiling: how well one rater's choices tell another's, on pairs that several rated.

A reward model that is scored on single raters' choices can hardly do better (Xu et al. 2023,
"ImageReward", Table 2: 65 %). Ties and both bad order nothing and are left out.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from data.rating_statistics.estimates import Estimate, clustered_share
from data.rating_statistics.outcomes import DECIDED, OutcomeList, OutcomeTable, outcome_counts

Hits = Float[np.ndarray, " answers"]


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
    answers = table.listed()
    agree, others = other_choices(answers.outcomes, answers.pairs)
    with np.errstate(invalid="ignore"):
        of_another = agree / others
    of_majority = np.where(2 * agree == others, 0.5, (2 * agree > others).astype(np.float64))
    return HumanCeiling(
        of_another=_accuracy(of_another, others >= 1, answers),
        of_majority=_accuracy(of_majority, others >= 2, answers),
    )


def other_choices(
    outcomes: Int[np.ndarray, " answers"], pairs: Int[np.ndarray, " answers"]
) -> tuple[Hits, Hits]:
    """Count, for each decided comparison, the others that chose the same, and all the others.

    Others are the other raters' decided comparisons of the pair, whose number is in `pairs`; both
    are 0 where a comparison is not decided.
    """
    votes = outcome_counts(outcomes, pairs, 1 + int(pairs.max(initial=0)))[:, list(DECIDED)]
    is_decided = np.isin(outcomes, DECIDED)
    same = votes[pairs, np.where(is_decided, outcomes, 0)]
    agree = np.where(is_decided, same - 1, 0)
    others = np.where(is_decided, votes.sum(axis=1)[pairs] - 1, 0)
    return agree.astype(np.float64), others.astype(np.float64)


def _accuracy(
    hits: Hits, is_counted: Bool[np.ndarray, " answers"], answers: OutcomeList
) -> Estimate | None:
    """Sum up pair by pair: choices on one pair are not independent."""
    pairs, num = answers.pairs[is_counted], len(answers.pair_ids)
    sums, sizes = np.zeros(num), np.zeros(num)
    np.add.at(sums, pairs, hits[is_counted])
    np.add.at(sizes, pairs, 1)
    known = sizes > 0
    sums, sizes = sums[known], sizes[known]
    # Of a pair's raters all but one are free to agree or not.
    most = float((sizes - 1).sum())
    return clustered_share(sums, sizes, answers.prompts[known], most)
