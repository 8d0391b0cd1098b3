"""What is tried: each study draws one data set and says which intervals held the truth."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import product

import numpy as np
from jaxtyping import Float
from scipy.special import expit

from benchmarks.coverage.contest import FIRST, SECOND, Contest, Drawn, draw_contest
from benchmarks.coverage.exam import Exam
from benchmarks.coverage.panel import Panel
from benchmarks.coverage.pigeonhole import pigeonhole_interval
from data.rating_statistics.agreement import agreement
from data.rating_statistics.ceiling import human_ceiling
from data.rating_statistics.estimates import clustered_share, share_of, wilson_interval
from data.rating_statistics.outcomes import Outcome, outcome_list
from data.rating_statistics.side_bias import side_bias
from data.rating_statistics.win_rates import win_rates
from data.records import Choice

Interval = tuple[float | None, float | None]
Draw = Callable[[np.random.Generator], dict[str, Interval]]


@dataclass(frozen=True, slots=True)
class Study:
    """One setting: what is asked, how it is simulated, the truths, and one draw of intervals."""

    question: str
    setting: dict[str, object]
    truth: dict[str, float]
    draw: Draw


def all_studies() -> Iterator[Study]:
    """Yield every setting that is tried."""
    for num_raters, (taste, favour) in product((2, 3, 5, 10), ((0, 0), (0, 1), (0.5, 1), (1, 0.5))):
        yield contest_study(
            Contest(num_raters=num_raters, num_prompts=30, taste_sd=taste, favour_sd=favour)
        )
    yield contest_study(Contest(num_raters=4, num_prompts=15, margin=3.5, taste_sd=0.5))
    for num_raters in (3, 6):
        yield contest_study(
            Contest(num_raters=num_raters, num_prompts=60, zeal=0.6, taste_sd=0.5, favour_sd=0.5)
        )
    yield left_study(Contest(num_raters=4, num_prompts=30))
    for num_raters in (2, 3, 5, 10):
        yield side_study(Contest(num_raters=num_raters, num_prompts=40, side_sd=0.5))
    for num_pairs in (20, 50, 200):
        yield alpha_study(
            Panel(mistakes=(0.1, 0.2, 0.3), shares=(0.5, 0.3, 0.2), num_prompts=num_pairs)
        )
    for num_prompts in (5, 10, 40):
        yield ceiling_study(
            Panel(
                mistakes=(0.1, 0.15, 0.2, 0.25, 0.3), shares=(0.5, 0.5), harder=0.2,
                num_prompts=num_prompts, pairs_a_prompt=5,
            )
        )  # fmt: skip
    for num_prompts, easy_share in product((2, 3, 5, 10, 40), (1.0, 0.9)):
        yield exam_study(Exam(num_prompts=num_prompts, easy_share=easy_share))


def contest_study(contest: Contest) -> Study:
    """Ask for the first policy's win rate, in three ways."""

    def draw(generator: np.random.Generator) -> dict[str, Interval]:
        drawn = draw_contest(contest, generator)
        found = win_rates(drawn.comparisons, drawn.pairs, drawn.policy_of)
        over = found.win_rates[FIRST, SECOND]
        wins = first_wins(drawn)
        return {
            "two-way jackknife": (over.low, over.high),
            "pigeonhole bootstrap": pigeonhole_interval(wins, generator),
            "independent": wilson_interval(float(np.nanmean(wins)), int(np.isfinite(wins).sum())),
        }

    names = ("two-way jackknife", "pigeonhole bootstrap", "independent")
    return Study("win rate", asdict(contest), dict.fromkeys(names, contest.win_rate()), draw)


def first_wins(drawn: Drawn) -> Float[np.ndarray, "raters prompts"]:
    """Return what each answer is worth to the first policy: 1, 0, one half, or nan for none."""
    answers = outcome_list(drawn.comparisons, drawn.pairs)
    worth = np.full(max(Outcome) + 2, np.nan)
    worth[[Outcome.PREFERS_A, Outcome.PREFERS_B, Outcome.TIE]] = 1.0, 0.0, 0.5
    table = np.full((len(answers.rater_ids), len(answers.pair_ids)), np.nan)
    table[answers.raters, answers.pairs] = worth[answers.outcomes]
    return table


def left_study(contest: Contest) -> Study:
    """Ask for the side term of the model, of raters and prompts that are all alike."""
    assert contest.taste_sd == contest.favour_sd == contest.side_sd == 0

    def draw(generator: np.random.Generator) -> dict[str, Interval]:
        drawn = draw_contest(contest, generator)
        left = win_rates(drawn.comparisons, drawn.pairs, drawn.policy_of).left
        return {"two-way jackknife": (left.low, left.high) if left else (None, None)}

    truth = {"two-way jackknife": float(expit(contest.side)) - 0.5}
    return Study("side term", asdict(contest), truth, draw)


def side_study(contest: Contest) -> Study:
    """Ask how much more than half of all decided comparisons goes left."""

    def draw(generator: np.random.Generator) -> dict[str, Interval]:
        comparisons = draw_contest(contest, generator).comparisons
        assert any(comparison.choice is not Choice.TIE for comparison in comparisons)
        found = side_bias(comparisons)
        assert found is not None
        plain, clustered = found.plain, found.clustered
        return {"clustered": (clustered.low, clustered.high), "plain": (plain.low, plain.high)}

    truth: dict[str, float] = dict.fromkeys(("clustered", "plain"), contest.left_bias())
    return Study("side bias", asdict(contest), truth, draw)


def alpha_study(panel: Panel) -> Study:
    """Ask for Krippendorff's alpha of these raters."""

    def draw(generator: np.random.Generator) -> dict[str, Interval]:
        found = agreement(panel.draw(generator).listed(), generator).alpha
        return {"bootstrap of pairs": (found.low, found.high) if found else (None, None)}

    return Study("alpha", asdict(panel), {"bootstrap of pairs": panel.alpha()}, draw)


def ceiling_study(panel: Panel) -> Study:
    """Ask how well one of these raters tells another's choice, and the majority's."""

    def draw(generator: np.random.Generator) -> dict[str, Interval]:
        found = human_ceiling(panel.draw(generator))
        assert found.of_another is not None
        assert found.of_majority is not None
        return {
            "of another": (found.of_another.low, found.of_another.high),
            "of majority": (found.of_majority.low, found.of_majority.high),
        }

    of_another, of_majority = panel.accuracies()
    truth: dict[str, float] = {"of another": of_another, "of majority": of_majority}
    return Study("human ceiling", asdict(panel), truth, draw)


def exam_study(exam: Exam) -> Study:
    """Ask for the share of right answers to prompts of which some are hard."""

    def draw(generator: np.random.Generator) -> dict[str, Interval]:
        hits, prompts = exam.draw(generator)
        clustered = clustered_share(hits, np.ones_like(hits), prompts, len(hits))
        plain = share_of(hits.sum(), len(hits))
        assert clustered is not None
        assert plain is not None
        return {"clustered": (clustered.low, clustered.high), "plain": (plain.low, plain.high)}

    truth: dict[str, float] = dict.fromkeys(("clustered", "plain"), exam.share())
    return Study("share of pairs", asdict(exam), truth, draw)
