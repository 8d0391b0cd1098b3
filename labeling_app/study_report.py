"""What a study has found: how often raters prefer one policy's images to the other's.

By one kind of rater at a time: simulated raters are programs and never count as people. Win rates
are those of `rating_statistics.win_rates`: ties half, sides held fixed, intervals that speak of
other raters and other prompts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from data.questions import Study
from data.rating_statistics.agreement import Agreement, agreement
from data.rating_statistics.estimates import Estimate
from data.rating_statistics.outcomes import (
    Outcome,
    of_aspect,
    outcome_list,
    outcome_of,
)
from data.rating_statistics.win_rates import WinRates, win_rates
from data.records import Aspect, Choice, Comparison, Pair, Prompt, RaterKind
from data.store import Store

_BOOTSTRAP_SEED = 0
"""Fixed: the same answers give the same intervals."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """How many answers there are of each kind, as the first policy sees them."""

    wins: int
    ties: int
    losses: int
    both_bad: int
    skips: int

    @property
    def num_ordered(self) -> int:
        """Answers that the win rate stands on."""
        return self.wins + self.ties + self.losses


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """Some of a study's answers to one question: all of them, a family's or a prompt's."""

    name: str
    tally: Tally
    rate: Estimate | None
    """How often the first policy's image is preferred, ties half; None before anyone prefers."""
    num_raters: int
    num_prompts: int


@dataclass(frozen=True, kw_only=True, slots=True)
class AspectResult:
    """What was answered to one question."""

    aspect: Aspect
    whole: Part
    families: list[Part]
    """Empty where the prompts have none, or one each."""
    prompts: list[Part]
    left: Estimate | None
    """How much more often than half of the time the left one of equal images wins."""
    agreement: Agreement


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyReport:
    """A study as raters of one kind have answered it so far."""

    study: Study
    kind: RaterKind
    num_pairs: int
    num_raters: int
    """Raters who have answered."""
    num_answers: int
    """Skips left out: they give the seat to somebody else."""
    num_wanted: int
    """Answers that the study asks people for."""
    results: list[AspectResult]


def report_on_study(store: Store, name: str, kind: RaterKind = RaterKind.PERSON) -> StudyReport:
    """Read the store and report; raise `UnknownRecord` where there is no such study."""
    study = store.study(name)
    pairs = {pair.pair_id: pair for pair in store.study_pairs(name)}
    answers = store.study_comparisons(name, kind)
    prompts = {prompt.prompt_id: prompt for prompt in store.prompts()}
    given = [answer for answer in answers if answer.choice is not Choice.SKIP]
    return StudyReport(
        study=study,
        kind=kind,
        num_pairs=len(pairs),
        num_raters=len({answer.rater_id for answer in given}),
        num_answers=len(given),
        num_wanted=_num_wanted(study, len(pairs)),
        results=[
            _result(study, aspect, of_aspect(answers, aspect), pairs, prompts)
            for aspect in study.aspects
        ],
    )


def num_answers(store: Store, study: Study) -> tuple[int, int]:
    """Count the answers that people have given, skips left out, and those that are asked for."""
    answers = store.study_comparisons(study.name, RaterKind.PERSON)
    given = sum(answer.choice is not Choice.SKIP for answer in answers)
    return given, _num_wanted(study, len(store.study_pairs(study.name)))


def _num_wanted(study: Study, num_pairs: int) -> int:
    return num_pairs * study.num_raters * len(study.aspects)


def kinds_in(store: Store, name: str) -> list[RaterKind]:
    """List the kinds of raters to report on: people always, others where they have answered."""
    return [
        kind
        for kind in RaterKind
        if kind is RaterKind.PERSON or store.study_comparisons(name, kind)
    ]


def _result(
    study: Study,
    aspect: Aspect,
    answers: Sequence[Comparison],
    pairs: Mapping[str, Pair],
    prompts: Mapping[str, Prompt],
) -> AspectResult:
    prompt_of = {pair_id: prompts[pair.prompt_id] for pair_id, pair in pairs.items()}
    asked = list(dict.fromkeys(prompt_of.values()))
    families = list(dict.fromkeys(prompt.family for prompt in asked if prompt.family))
    of_family = {f: [a for a in answers if prompt_of[a.pair_id].family == f] for f in families}
    of_prompt = {p.text: [a for a in answers if prompt_of[a.pair_id] == p] for p in asked}
    fitted = _fit(study, answers, pairs)
    table = outcome_list(answers, pairs)
    return AspectResult(
        aspect=aspect,
        whole=_part(study, "all", fitted, tally(answers, pairs)),
        families=[
            _part(study, name, _fit(study, found, pairs), tally(found, pairs))
            for name, found in of_family.items()
            if len(families) < len(asked)
        ],
        prompts=[
            _part(study, name, _fit(study, found, pairs), tally(found, pairs))
            for name, found in of_prompt.items()
        ],
        left=fitted.left,
        agreement=agreement(table, np.random.default_rng(_BOOTSTRAP_SEED)),
    )


def _part(study: Study, name: str, found: WinRates, counted: Tally) -> Part:
    return Part(
        name=name,
        tally=counted,
        rate=found.win_rates.get((study.policy_a, study.policy_b)),
        num_raters=found.num_raters,
        num_prompts=found.num_prompts,
    )


def _fit(study: Study, answers: Sequence[Comparison], pairs: Mapping[str, Pair]) -> WinRates:
    """Fit the win rate; image a of a study's pair is always the first policy's."""
    policy_of = {pair.image_a: study.policy_a for pair in pairs.values()}
    policy_of |= {pair.image_b: study.policy_b for pair in pairs.values()}
    return win_rates(answers, pairs, policy_of)


def tally(answers: Sequence[Comparison], pairs: Mapping[str, Pair]) -> Tally:
    """Count answers, as they were given."""
    said = [outcome_of(answer, pairs[answer.pair_id]) for answer in answers]
    return Tally(
        wins=said.count(Outcome.PREFERS_A),
        ties=said.count(Outcome.TIE),
        losses=said.count(Outcome.PREFERS_B),
        both_bad=said.count(Outcome.BOTH_BAD),
        skips=said.count(None),
    )
