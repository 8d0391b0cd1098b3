import numpy as np
import pytest

from reward_training.trust.evaluate import clustered_estimate
from reward_training.trust.intervals import GAIN_OF_SHARE, careful_estimate


def test_two_prompts_that_agree_are_no_certainty():
    hits, prompt = np.array([1.0, 0, 1, 0]), np.array([0, 0, 1, 1])
    assert clustered_estimate(hits, prompt, np.random.default_rng(0)).interval == [0.5, 0.5]
    low, high = careful_estimate(hits, prompt, np.random.default_rng(0)).interval
    assert 0 < low < 0.3
    assert 0.7 < high < 1


def test_a_gain_has_the_interval_of_a_share_of_the_way_from_minus_one_to_one():
    hits, prompt = np.array([1.0, 0, 1, 0]), np.array([0, 0, 1, 1])
    share = careful_estimate(hits, prompt, np.random.default_rng(0))
    gain = careful_estimate(2 * hits - 1, prompt, np.random.default_rng(0), GAIN_OF_SHARE)
    assert gain.value == 2 * share.value - 1
    assert gain.interval == pytest.approx([2 * end - 1 for end in share.interval])


def test_from_eight_prompts_on_it_is_the_bootstrap():
    rng = np.random.default_rng(1)
    gains, prompt = rng.choice([-1.0, 0, 1], size=80), np.arange(80) % 8
    plain = clustered_estimate(gains, prompt, np.random.default_rng(0))
    assert careful_estimate(gains, prompt, np.random.default_rng(0), GAIN_OF_SHARE) == plain
