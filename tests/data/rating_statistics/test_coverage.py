"""95 % intervals hold the truth of simulated raters, within Monte Carlo error.

`python -m benchmarks.coverage` is the same in more settings and draws.
"""

import numpy as np
import pytest

from benchmarks.coverage.contest import FIRST, SECOND, Contest, draw_contest
from benchmarks.coverage.measure import measure_coverage
from benchmarks.coverage.panel import Panel
from benchmarks.coverage.studies import alpha_study, ceiling_study, contest_study, side_study
from data.rating_statistics.agreement import krippendorff_alpha
from data.rating_statistics.side_bias import side_bias
from data.rating_statistics.win_rates import win_rates


def test_the_interval_of_alpha_covers():
    panel = Panel(mistakes=(0.1, 0.2, 0.3), shares=(0.5, 0.3, 0.2), num_prompts=40)
    (covered,) = measure_coverage(alpha_study(panel), 150, seed=1)
    assert covered.high >= 0.95


def test_the_panels_alpha_is_the_limit():
    panel = Panel(mistakes=(0.1, 0.2, 0.3), shares=(0.5, 0.3, 0.2), num_prompts=200_000)
    drawn = panel.draw(np.random.default_rng(0))
    assert krippendorff_alpha(drawn.listed().counts()) == pytest.approx(panel.alpha(), abs=0.005)


def test_the_clustered_interval_of_the_side_covers_where_raters_differ():
    contest = Contest(num_raters=4, num_prompts=30, side_sd=0.5)
    clustered, plain = measure_coverage(side_study(contest), 200, seed=1)
    assert clustered.high >= 0.95
    assert plain.high < 0.95


def test_the_interval_of_the_ceiling_covers_with_prompts_of_different_difficulty():
    panel = Panel(
        mistakes=(0.1, 0.2, 0.2, 0.3), shares=(0.5, 0.5), harder=0.2, num_prompts=12,
        pairs_a_prompt=4,
    )  # fmt: skip
    for covered in measure_coverage(ceiling_study(panel), 300, seed=1):
        assert covered.high >= 0.95, covered


def test_the_side_is_found_and_agrees_with_the_plain_share():
    contest = Contest(num_raters=5, num_prompts=400, margin=0.2, side=0.6)
    drawn = draw_contest(contest, np.random.default_rng(0))
    left = win_rates(drawn.comparisons, drawn.pairs, drawn.policy_of).left
    assert left.low < 1 / (1 + np.exp(-0.6)) - 0.5 < left.high
    assert left.value == pytest.approx(side_bias(drawn.comparisons).plain.value, abs=0.01)


def test_the_contests_truth_is_what_many_comparisons_show():
    contest = Contest(num_raters=120, num_prompts=120, taste_sd=1, favour_sd=0.5, side_sd=0.5)
    drawn = draw_contest(contest, np.random.default_rng(0))
    found = win_rates(drawn.comparisons, drawn.pairs, drawn.policy_of)
    assert found.win_rates[FIRST, SECOND].value == pytest.approx(contest.win_rate(), abs=0.04)
    assert side_bias(drawn.comparisons).plain.value == pytest.approx(contest.left_bias(), abs=0.02)


@pytest.mark.parametrize(
    "contest",
    [
        Contest(num_raters=3, num_prompts=20, taste_sd=0.7, favour_sd=0.7),
        Contest(num_raters=8, num_prompts=8, favour_sd=1),
    ],
    ids=["few raters with tastes", "few prompts with favourites"],
)
def test_intervals_of_win_rates_cover_and_independence_does_not(contest):
    ways = {each.way: each for each in measure_coverage(contest_study(contest), 150, seed=1)}
    assert ways["two-way jackknife"].high >= 0.95
    assert ways["independent"].high < 0.95
