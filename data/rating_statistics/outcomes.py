"""Comparisons without their sides: which image a rater preferred, pair by pair."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from jaxtyping import Int

from data.records import Aspect, Choice, Comparison, Pair

MISSING = -1
"""In a table: the rater was not asked, or skipped."""


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
class OutcomeTable:
    """Who said what of which pair."""

    outcomes: Int[np.ndarray, "pairs raters"]
    """`Outcome`s, or `MISSING`."""
    pair_ids: tuple[str, ...]
    prompt_ids: tuple[str, ...]
    """One for each pair."""
    rater_ids: tuple[str, ...]

    @property
    def prompts(self) -> Int[np.ndarray, " pairs"]:
        """Number of each pair's prompt."""
        return numbered(self.prompt_ids)


def outcome_table(comparisons: Sequence[Comparison], pairs: Mapping[str, Pair]) -> OutcomeTable:
    """Lay current comparisons of one aspect out as pairs by raters; `pairs` by their id.

    Two answers of one rater on one pair are a `ValueError`, an unknown pair a `KeyError`.
    """
    rater_ids = tuple(dict.fromkeys(comparison.rater_id for comparison in comparisons))
    pair_ids = tuple(dict.fromkeys(comparison.pair_id for comparison in comparisons))
    column = {rater_id: n for n, rater_id in enumerate(rater_ids)}
    row = {pair_id: n for n, pair_id in enumerate(pair_ids)}
    cells: dict[tuple[int, int], Outcome | None] = {}
    for comparison in comparisons:
        cell = row[comparison.pair_id], column[comparison.rater_id]
        if cell in cells:
            raise ValueError(f"expected one comparison a rater, pair and aspect: {comparison}")
        cells[cell] = outcome_of(comparison, pairs[comparison.pair_id])
    outcomes = np.full((len(pair_ids), len(rater_ids)), MISSING)
    for cell, outcome in cells.items():
        outcomes[cell] = MISSING if outcome is None else outcome
    prompt_ids = tuple(pairs[pair_id].prompt_id for pair_id in pair_ids)
    return OutcomeTable(outcomes, pair_ids, prompt_ids, rater_ids)


def numbered(names: Sequence[str]) -> Int[np.ndarray, " names"]:
    """Return the number of each name, in order of first appearance."""
    number_of = {name: n for n, name in enumerate(dict.fromkeys(names))}
    return np.array([number_of[name] for name in names], dtype=np.int64)


def outcome_counts(
    outcomes: Int[np.ndarray, "pairs raters"],
) -> Int[np.ndarray, "pairs outcomes"]:
    """Count how many raters said what of each pair."""
    return np.stack([(outcomes == outcome).sum(axis=1) for outcome in Outcome], axis=1)
