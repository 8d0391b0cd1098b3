"""How rating goes in a round: how far it is, how far people agree, whether sides matter, and who.

People alone: simulated raters are programs, and nothing of theirs is in here.
"""

from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from data.rating_statistics.agreement import Agreement, agreement
from data.rating_statistics.estimates import Estimate
from data.rating_statistics.outcomes import of_aspect, outcome_list
from data.rating_statistics.rater_quality import RaterQuality, Repeat, rater_quality
from data.rating_statistics.side_bias import SideBias, side_bias
from data.rating_statistics.verdict import Verdict, verdict
from data.rating_statistics.win_rates import win_rates
from data.records import Aspect, Comparison, Pair, RaterKind
from data.store import Store

_BOOTSTRAP_SEED = 0
"""Fixed: the same answers give the same intervals."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RaterLine:
    """One person in the report."""

    name: str
    quality: RaterQuality
    verdict: Verdict


@dataclass(frozen=True, kw_only=True, slots=True)
class Win:
    """How often people prefer a policy's images to an older policy's, ties counted half."""

    newer: str
    older: str
    rate: Estimate


@dataclass(frozen=True, kw_only=True, slots=True)
class RatingReport:
    """A round as people have rated it so far, by the first aspect that it asks about."""

    round: int
    aspect: Aspect
    num_answered: int
    """Seats that are filled."""
    num_seats: int
    num_by_choice: dict[str, int]
    by_hour: dict[tuple[datetime, str], int]
    """Answers by local hour and rater's name."""
    agreement: Agreement
    side: SideBias | None
    raters: list[RaterLine]
    wins: list[Win]
    """Of policies that met in the round's pairs, the newer one first."""


def report_on(store: Store, round: int | None = None) -> RatingReport:  # noqa: A002
    """Read the store and report on a round, the newest if none is named."""
    number = store.newest_round() if round is None else round
    # Answers come first: the pairs and raters of what is read here are on record by then.
    answers = store.comparisons(round=number, kind=RaterKind.PERSON)
    checks = store.checks(number)
    of_round = {pair.pair_id: pair for pair in store.pairs(number)}
    gold = {pair.pair_id: pair for pair in store.gold_pairs(number)}
    names = {rater.rater_id: rater.name for rater in store.raters()}
    answers, checks = (_of_known(names, said) for said in (answers, checks))
    aspects = next((pair.aspects for pair in of_round.values()), (Aspect.OVERALL,))
    aspect = aspects[0]
    rated = of_aspect(answers, aspect)
    seats = store.seats(number, "")
    described = rater_quality(
        rated,
        of_round | gold,
        gold=_of_known_answer([check for check in checks if check.pair_id in gold], aspects),
        repeats=_repeats(rated, checks),
    )
    return RatingReport(
        round=number,
        aspect=aspect,
        num_answered=seats.num_taken_by_others,
        num_seats=seats.num,
        num_by_choice=dict(Counter(comparison.choice.value for comparison in rated)),
        by_hour=dict(Counter((_hour(each), names[each.rater_id]) for each in rated)),
        agreement=agreement(outcome_list(rated, of_round), np.random.default_rng(_BOOTSTRAP_SEED)),
        side=side_bias(rated),
        raters=[
            RaterLine(name=names[each.rater_id], quality=each, verdict=verdict(each))
            for each in described
        ],
        wins=_wins(store, rated, of_round),
    )


def _of_known(raters: Container[str], said: Sequence[Comparison]) -> list[Comparison]:
    """Leave out whoever was erased since they were read."""
    return [comparison for comparison in said if comparison.rater_id in raters]


def _of_known_answer(checks: Sequence[Comparison], aspects: Sequence[Aspect]) -> list[Comparison]:
    """Return the answers to one question whose answer gold knows: which image meets the prompt."""
    known = next((aspect for aspect in aspects if aspect is not Aspect.QUALITY), None)
    return [] if known is None else of_aspect(checks, known)


def _repeats(rated: Sequence[Comparison], checks: Sequence[Comparison]) -> list[Repeat]:
    """Return first and second answers to the same question."""
    first = {comparison.comparison_id: comparison for comparison in rated}
    return [(first[c.repeats], c) for c in checks if c.repeats in first]


def _wins(store: Store, rated: Sequence[Comparison], pairs: Mapping[str, Pair]) -> list[Win]:
    """Return the win rates of policies that met; pairs of one policy say nothing of them."""
    policy_of = {image.image_id: image.policy for image in store.images()}
    across = [each for each in rated if _meets_another(pairs[each.pair_id], policy_of)]
    found = win_rates(across, pairs, policy_of).win_rates
    age = {policy.name: place for place, policy in enumerate(store.policies())}
    return [
        Win(newer=newer, older=older, rate=rate)
        for (newer, older), rate in sorted(found.items())
        if rate.num and age.get(newer, 0) > age.get(older, 0)
    ]


def _meets_another(pair: Pair, policy_of: Mapping[str, str]) -> bool:
    return policy_of[pair.image_a] != policy_of[pair.image_b]


def _hour(comparison: Comparison) -> datetime:
    """Return the hour that clocks on the wall showed, without a zone."""
    local = comparison.created_at.replace(tzinfo=UTC).astimezone()
    return local.replace(minute=0, second=0, microsecond=0, tzinfo=None)
