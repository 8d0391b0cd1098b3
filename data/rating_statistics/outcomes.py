"""Comparisons without their sides: which image a rater preferred, pair by pair."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from jaxtyping import Int

from data.records import Aspect, Choice, Comparison, Pair

MISSING = -1
"""The rater skipped or, in a table of pairs by raters, was not asked."""


class Outcome(IntEnum):
    """What a rater said of a pair, whichever image stood on the left."""

    PREFERS_A = 0
    PREFERS_B = 1
    TIE = 2
    BOTH_BAD = 3


DECIDED = (Outcome.PREFERS_A, Outcome.PREFERS_B)
"""Outcomes that order the two images."""


def of_aspect(comparisons: Iterable[Comparison], aspect: Aspect) -> list[Comparison]:
    """Return the comparisons that were asked about this aspect."""
    return [comparison for comparison in comparisons if comparison.aspect == aspect]


def outcome_of(comparison: Comparison, pair: Pair) -> Outcome | None:
    """Return what the rater said of the pair; None for a skip.

    An undo, or a comparison of another pair or image, is a `ValueError`.
    """
    images = (pair.image_a, pair.image_b)
    if comparison.pair_id != pair.pair_id or comparison.shown_left not in images:
        raise ValueError(f"expected a comparison of pair {pair.pair_id}, got {comparison}")
    is_a_left = comparison.shown_left == pair.image_a
    match comparison.choice:
        case Choice.LEFT:
            return Outcome.PREFERS_A if is_a_left else Outcome.PREFERS_B
        case Choice.RIGHT:
            return Outcome.PREFERS_B if is_a_left else Outcome.PREFERS_A
        case Choice.TIE:
            return Outcome.TIE
        case Choice.BOTH_BAD:
            return Outcome.BOTH_BAD
        case Choice.SKIP:
            return None
        case Choice.UNDO:
            raise ValueError(f"expected current comparisons, got the undo {comparison}")


@dataclass(frozen=True, slots=True)
class OutcomeList:
    """Who said what of which pair, answer by answer: many raters who each saw little take little.

    `pairs` and `raters` number the answers' pairs and raters, from 0 and as the ids stand.
    """

    outcomes: Int[np.ndarray, " answers"]
    """`Outcome`s, or `MISSING`."""
    pairs: Int[np.ndarray, " answers"]
    raters: Int[np.ndarray, " answers"]
    pair_ids: tuple[str, ...]
    prompt_ids: tuple[str, ...]
    """One for each pair."""
    rater_ids: tuple[str, ...]

    @property
    def prompts(self) -> Int[np.ndarray, " pairs"]:
        """Number of each pair's prompt."""
        return numbered(self.prompt_ids)

    def counts(self) -> Int[np.ndarray, "pairs outcomes"]:
        """Count how many raters said what of each pair."""
        return outcome_counts(self.outcomes, self.pairs, len(self.pair_ids))


@dataclass(frozen=True, slots=True)
class OutcomeTable:
    """The same as a table, for raters who nearly all answered nearly everything."""

    outcomes: Int[np.ndarray, "pairs raters"]
    """`Outcome`s, or `MISSING`."""
    pair_ids: tuple[str, ...]
    prompt_ids: tuple[str, ...]
    """One for each pair."""
    rater_ids: tuple[str, ...]

    def listed(self) -> OutcomeList:
        """Return what is not missing, pair by pair."""
        rows, columns = np.nonzero(self.outcomes != MISSING)
        said = self.outcomes[rows, columns]
        return OutcomeList(said, rows, columns, self.pair_ids, self.prompt_ids, self.rater_ids)


def outcome_list(comparisons: Sequence[Comparison], pairs: Mapping[str, Pair]) -> OutcomeList:
    """List current comparisons of one aspect by pair and rater; `pairs` by their id.

    Two answers of one rater on one pair are a `ValueError`, an unknown pair a `KeyError`.
    """
    rater_ids = [comparison.rater_id for comparison in comparisons]
    pair_ids = [comparison.pair_id for comparison in comparisons]
    seen: set[tuple[str, str]] = set()
    outcomes: list[int] = []
    for comparison, asked in zip(comparisons, zip(pair_ids, rater_ids, strict=True), strict=True):
        if asked in seen:
            raise ValueError(f"expected one comparison a rater, pair and aspect: {comparison}")
        seen.add(asked)
        outcome = outcome_of(comparison, pairs[comparison.pair_id])
        outcomes.append(MISSING if outcome is None else outcome)
    names = tuple(dict.fromkeys(pair_ids))
    return OutcomeList(
        outcomes=np.array(outcomes, dtype=np.int64),
        pairs=numbered(pair_ids),
        raters=numbered(rater_ids),
        pair_ids=names,
        prompt_ids=tuple(pairs[pair_id].prompt_id for pair_id in names),
        rater_ids=tuple(dict.fromkeys(rater_ids)),
    )


def numbered(names: Sequence[str]) -> Int[np.ndarray, " names"]:
    """Return the number of each name, in order of first appearance."""
    number_of = {name: n for n, name in enumerate(dict.fromkeys(names))}
    return np.array([number_of[name] for name in names], dtype=np.int64)


def outcome_counts(
    outcomes: Int[np.ndarray, " answers"], pairs: Int[np.ndarray, " answers"], num_pairs: int
) -> Int[np.ndarray, "pairs outcomes"]:
    """Count how many answers said what of each of the pairs, which `pairs` numbers."""
    counts = np.zeros((num_pairs, len(Outcome)), dtype=np.int64)
    given = outcomes != MISSING
    np.add.at(counts, (pairs[given], outcomes[given]), 1)
    return counts
