import numpy as np
import pytest

from reward_training.trust.evaluate import (
    clustered_estimate,
    hits,
    tie_aware_hits,
    tie_threshold,
)


def random_pairs(seed, number=200):
    generator = np.random.default_rng(seed)
    return generator.standard_normal(number), generator.integers(0, 3, number)


def test_a_hit_is_the_sign_of_the_choice():
    margin, outcome = np.array([1.0, -1.0, 2.0, 0.0]), np.array([0, 0, 1, 1])
    assert hits(margin, outcome).tolist() == [1, 0, 0, 0.5]


def test_swapping_the_images_changes_no_hit():
    margin, outcome = random_pairs(0)
    outcome %= 2
    np.testing.assert_array_equal(hits(margin, outcome), hits(-margin, 1 - outcome))


def test_the_interval_holds_the_estimate_and_widens_with_clusters():
    generator = np.random.default_rng(0)
    cluster = np.repeat(np.arange(20), 30)
    by_prompt = (np.repeat(generator.random(20), 30) > 0.4).astype(float)
    clustered = clustered_estimate(by_prompt, cluster, generator)
    alone = clustered_estimate(by_prompt, np.arange(600), generator)
    assert clustered.low < clustered.value < clustered.high
    assert clustered.value == alone.value == by_prompt.mean()
    assert clustered.high - clustered.low > 3 * (alone.high - alone.low)


def test_few_resamples_at_a_time_are_the_same_resamples(monkeypatch):
    margin, outcome = random_pairs(0)
    values, cluster = hits(margin, outcome % 2), np.repeat(np.arange(20), 10)
    whole = clustered_estimate(values, cluster, np.random.default_rng(5))
    monkeypatch.setattr("reward_training.trust.evaluate._DRAWN_AT_ONCE", 130)
    assert clustered_estimate(values, cluster, np.random.default_rng(5)) == whole


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    generator = np.random.default_rng(1)
    covered = 0
    for _ in range(200):
        rates = generator.beta(7, 3, size=25)
        values = (generator.random((25, 8)) < rates[:, None]).astype(float).ravel()
        found = clustered_estimate(values, np.repeat(np.arange(25), 8), generator)
        covered += found.low <= 0.7 <= found.high
    assert 0.88 <= covered / 200 <= 0.99


def test_one_prompt_has_no_interval():
    estimate = clustered_estimate(np.ones(5), np.zeros(5, int), np.random.default_rng(0))
    assert estimate.value == 1
    assert estimate.interval is None


@pytest.mark.parametrize("seed", range(5))
def test_the_tie_threshold_is_the_best_there_is(seed):
    margin, outcome = random_pairs(seed)
    margin[:20] = margin[20:40]
    best = tie_aware_hits(margin, outcome, tie_threshold(margin, outcome)).sum()
    others = [-1.0, *np.abs(margin)]
    assert best == max(tie_aware_hits(margin, outcome, value).sum() for value in others)


def test_without_ties_the_threshold_calls_nothing_a_tie():
    margin = np.array([0.1, -0.2, 3.0])
    assert tie_threshold(margin, np.array([0, 1, 0])) < 0
