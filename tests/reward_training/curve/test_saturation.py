"""Curves through errors that are known to fall in a known way."""

import numpy as np
import pytest

from reward_training.curve.saturation import Saturation, fit_saturation, worth_of_more

SIZES = np.array([25.0, 50.0, 100.0, 200.0, 400.0])


def draw_wrong(errors, num_prompts=400, pairs=5, seed=0):
    """Return mistakes on the same pairs at every size: a pair once right stays right."""
    luck = np.random.default_rng(seed).random(num_prompts * pairs)
    wrong = np.array([(luck < error).astype(float) for error in errors])
    return wrong, np.arange(num_prompts * pairs) // pairs


def test_a_planted_curve_is_found():
    planted = Saturation(floor=0.1, fall=0.05, exponent=0.5, unit=400.0)
    found = fit_saturation(SIZES, np.array([planted.error(size) for size in SIZES]))
    for size in (25, 60, 400, 800):
        assert found.error(size) == pytest.approx(planted.error(size), abs=2e-3)


@pytest.mark.parametrize("errors", [[0.1, 0.2, 0.3, 0.35, 0.4], [0.3] * 5])
def test_the_curve_never_rises(errors):
    found = fit_saturation(SIZES, np.array(errors))
    assert found.error(1000) <= found.error(10)
    assert found.error(100) == pytest.approx(np.mean(errors), abs=1e-6)


def test_what_more_comparisons_are_worth():
    planted = Saturation(floor=0.1, fall=0.1, exponent=0.7, unit=400.0)
    wrong, prompt = draw_wrong([planted.error(size) for size in SIZES])
    found = worth_of_more(
        SIZES, wrong, prompt, now=400, more=100, generator=np.random.default_rng(0)
    )
    truth = planted.error(400) - planted.error(500)
    assert found.gain == pytest.approx(truth, abs=0.006)
    assert found.interval[0] <= truth <= found.interval[1]
    assert found.unknown == ""


def test_where_nothing_was_gained_it_is_said():
    wrong, prompt = draw_wrong([0.3] * 5)
    found = worth_of_more(
        SIZES, wrong, prompt, now=400, more=100, generator=np.random.default_rng(0)
    )
    assert (found.gain, found.interval) == (None, None)
    assert found.unknown == "accuracy with 400 is not measurably above that with 25"


def test_too_few_sizes_or_prompts_are_named():
    generator = np.random.default_rng(0)
    wrong, prompt = draw_wrong([0.4, 0.3, 0.2, 0.1, 0.05], num_prompts=7)
    few_prompts = worth_of_more(SIZES, wrong, prompt, now=400, more=100, generator=generator)
    assert "only 7 prompts" in few_prompts.unknown
    few_sizes = worth_of_more(SIZES[2:], wrong[2:], prompt, now=400, more=100, generator=generator)
    assert "there are 3" in few_sizes.unknown
