"""What each rater's comparisons say of the rater: pace, habits, agreement, gold, consistency."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from data.rating_statistics.ceiling import other_choices
from data.rating_statistics.estimates import Estimate, share_of
from data.rating_statistics.outcomes import Outcome, outcome_list, outcome_of
from data.rating_statistics.side_bias import SIDES
from data.records import Choice, Comparison, Pair

TOO_FAST_MS = 700
"""Below it nobody has looked at both images: two glances of about 200 ms, a choice and a key."""

Repeat = tuple[Comparison, Comparison]
"""One rater's answers to one pair, shown once with either image on the left."""


@dataclass(frozen=True, slots=True)
class RaterQuality:
    """One rater's habits; shares have Wilson's interval and None where there is nothing."""

    rater_id: str
    num: int
    """Comparisons without skips."""
    num_skips: int
    median_milliseconds: float | None
    """Of comparisons, skips too, whose time is known, that is above 0."""
    too_fast: Estimate | None
    """Share of those under `TOO_FAST_MS`."""
    left: Estimate | None
    """Share of left among decided comparisons."""
    ties: Estimate | None
    """Share of ties among comparisons."""
    both_bad: Estimate | None
    """Share of both bad among comparisons."""
    agreement: Estimate | None
    """Share of others' choices on the same pairs that are the same, mean over pairs that the rater
    and someone else decided: tossing a coin gives one half."""
    gold: Estimate | None
    """Share of answered gold pairs on which the rater preferred the better image."""
    consistency: Estimate | None
    """Share of repeats that got the same answer."""


def rater_quality(
    comparisons: Sequence[Comparison],
    pairs: Mapping[str, Pair],
    *,
    gold: Sequence[Comparison] = (),
    repeats: Sequence[Repeat] = (),
) -> list[RaterQuality]:
    """Describe every rater of current comparisons of one aspect, in order of appearance.

    Args:
        comparisons: Of one aspect, one for each rater and pair; none of those below.
        pairs: All pairs by their id.
        gold: Answers of one aspect, whose answer is known, to gold pairs.
        repeats: Answers of one rater to one pair with the sides swapped; else a `ValueError`.
    """
    by_rater: dict[str, list[Comparison]] = {}
    for comparison in comparisons:
        by_rater.setdefault(comparison.rater_id, []).append(comparison)
    agreements = _agreements(comparisons, pairs)
    consistencies = _consistencies(repeats, pairs)
    return [
        _describe(
            mine,
            gold=_gold_accuracy([each for each in gold if each.rater_id == rater_id], pairs),
            agreement=agreements[rater_id],
            consistency=consistencies.get(rater_id),
        )
        for rater_id, mine in by_rater.items()
    ]


def _describe(
    mine: Sequence[Comparison],
    *,
    agreement: Estimate | None,
    gold: Estimate | None,
    consistency: Estimate | None,
) -> RaterQuality:
    choices = [comparison.choice for comparison in mine]
    num_skips = choices.count(Choice.SKIP)
    times = [comparison.milliseconds for comparison in mine if comparison.milliseconds > 0]
    num, num_decided = len(mine) - num_skips, sum(choice in SIDES for choice in choices)
    return RaterQuality(
        rater_id=mine[0].rater_id,
        num=num,
        num_skips=num_skips,
        median_milliseconds=float(np.median(times)) if times else None,
        too_fast=share_of(sum(time < TOO_FAST_MS for time in times), len(times)),
        left=share_of(choices.count(Choice.LEFT), num_decided),
        ties=share_of(choices.count(Choice.TIE), num),
        both_bad=share_of(choices.count(Choice.BOTH_BAD), num),
        agreement=agreement,
        gold=gold,
        consistency=consistency,
    )


def _agreements(
    comparisons: Sequence[Comparison], pairs: Mapping[str, Pair]
) -> dict[str, Estimate | None]:
    answers = outcome_list(comparisons, pairs)
    agree, others = other_choices(answers.outcomes, answers.pairs)
    shared, num = others > 0, len(answers.rater_ids)
    raters = answers.raters[shared]
    sums = np.bincount(raters, agree[shared] / others[shared], num)
    counts = np.bincount(raters, minlength=num)
    return {
        rater_id: share_of(float(hits), int(count))
        for rater_id, hits, count in zip(answers.rater_ids, sums, counts, strict=True)
    }


def _gold_accuracy(mine: Sequence[Comparison], pairs: Mapping[str, Pair]) -> Estimate | None:
    asked = [(c, pairs[c.pair_id]) for c in mine if c.choice is not Choice.SKIP]
    is_right = [preferred(comparison, pair) == pair.better for comparison, pair in asked]
    return share_of(sum(is_right), len(asked))


def preferred(comparison: Comparison, pair: Pair) -> str | None:
    """Return the id of the image that was preferred; None where none was."""
    images = {Outcome.PREFERS_A: pair.image_a, Outcome.PREFERS_B: pair.image_b}
    outcome = outcome_of(comparison, pair)
    return None if outcome is None else images.get(outcome)


def _consistencies(
    repeats: Sequence[Repeat], pairs: Mapping[str, Pair]
) -> dict[str, Estimate | None]:
    same: dict[str, list[bool]] = {}
    for first, second in repeats:
        if not _is_repeat(first, second):
            raise ValueError(f"expected one pair with its sides swapped, got {first}, {second}")
        said = [outcome_of(comparison, pairs[first.pair_id]) for comparison in (first, second)]
        if None not in said:
            same.setdefault(first.rater_id, []).append(said[0] == said[1])
    return {rater_id: share_of(sum(found), len(found)) for rater_id, found in same.items()}


def _is_repeat(first: Comparison, second: Comparison) -> bool:
    kept = all(
        getattr(first, name) == getattr(second, name) for name in ("rater_id", "pair_id", "aspect")
    )
    return kept and first.shown_left != second.shown_left
