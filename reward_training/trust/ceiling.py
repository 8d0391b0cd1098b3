"""The ceiling of a reward: how well one rater's choices tell another's, and how well a reward does.

Kinds of raters are kept apart: simulated raters say nothing of how far people agree.
"""

from collections import defaultdict
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int

from data.rating_statistics.ceiling import human_ceiling
from data.rating_statistics.estimates import Estimate as Share
from data.rating_statistics.outcomes import MISSING, OutcomeTable, numbered
from data.records import RaterKind
from reward_training.inputs.dataset import Comparisons
from reward_training.trust.intervals import careful_estimate

PairKey = tuple[int, int, int, int]


def ceilings(
    decided: Comparisons, hits: Float[np.ndarray, " pairs"], generator: np.random.Generator
) -> dict[str, dict[str, Any] | None]:
    """Return, for people and for each other kind that compared, the ceiling beside the reward.

    None where no pair was decided by two raters of the kind. Accuracy of one rater against another
    and of the reward are on the same comparisons, so that one number may be held against the other.

    Args:
        decided: Held-out comparisons in which one image was preferred.
        hits: Whether the reward had it so.
        generator: Draws the intervals.
    """
    kinds = dict.fromkeys([RaterKind.PERSON.value, *sorted(set(decided.rater_kinds))])
    return {kind: _ceiling_of(kind, decided, hits, generator) for kind in kinds}


def overlap_table(comparisons: Comparisons) -> OutcomeTable:
    """Lay comparisons out as pairs by raters, whatever number of raters each pair has."""
    keys = pair_keys(comparisons)
    pairs, raters = list(dict.fromkeys(keys)), tuple(dict.fromkeys(comparisons.raters))
    outcomes = np.full((len(pairs), len(raters)), MISSING)
    rows, columns = numbered([str(key) for key in keys]), numbered(comparisons.raters)
    outcomes[rows, columns] = comparisons.outcome.numpy()
    prompts = tuple(comparisons.prompts[prompt] for _, prompt, *_ in pairs)
    return OutcomeTable(outcomes, tuple(map(str, pairs)), prompts, raters)


def pair_keys(comparisons: Comparisons) -> list[PairKey]:
    """Return what makes a comparison's pair: round, prompt, both images."""
    columns = (comparisons.prompt, comparisons.image_a, comparisons.image_b)
    return list(zip(comparisons.rounds, *(column.tolist() for column in columns), strict=True))


def _ceiling_of(
    kind: str,
    decided: Comparisons,
    hits: Float[np.ndarray, " pairs"],
    generator: np.random.Generator,
) -> dict[str, Any] | None:
    rows = _shared_rows(kind, decided)
    if not len(rows):
        return None
    overlap = decided.take(torch.from_numpy(rows))
    found = human_ceiling(overlap_table(overlap))
    reward = careful_estimate(hits[rows], overlap.prompt.numpy(), generator)
    return {
        "raters": len(set(overlap.raters)),
        "comparisons": len(overlap),
        **_named("of_another", found.of_another),
        **_named("of_majority", found.of_majority),
        "reward": reward.value,
        "reward_interval": reward.interval,
    }


def _shared_rows(kind: str, decided: Comparisons) -> Int[np.ndarray, " shared"]:
    """Return the comparisons by raters of a kind on pairs that two or more of them decided."""
    said = zip(pair_keys(decided), decided.raters, decided.rater_kinds, strict=True)
    of_kind = [(row, key, rater) for row, (key, rater, by) in enumerate(said) if by == kind]
    raters_of: dict[PairKey, set[str]] = defaultdict(set)
    for _, key, rater in of_kind:
        raters_of[key].add(rater)
    shared = [row for row, key, _ in of_kind if len(raters_of[key]) > 1]
    return np.array(shared, dtype=np.int64)


def _named(name: str, share: Share | None) -> dict[str, Any]:
    if share is None:
        return {name: None, f"{name}_interval": None, f"{name}_pairs": 0}
    return {name: share.value, f"{name}_interval": share.interval, f"{name}_pairs": share.num}
