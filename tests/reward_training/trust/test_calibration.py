"""Calibration and its error on synthetic choices whose truth is known."""

import numpy as np
import pytest
from scipy.special import expit

from reward_training.trust.calibration import (
    Calibration,
    calibrate,
    calibration_error,
    cross_fitted,
    error_by_chance,
    fit_calibration,
    log_loss,
    log_odds,
    parts_of_prompts,
    reliability,
)


def honest_choices(seed=0, number=20_000, scale=2.0):
    """Return log odds and choices that come with exactly those odds."""
    generator = np.random.default_rng(seed)
    odds = scale * generator.standard_normal(number)
    return odds, (generator.random(number) >= expit(odds)).astype(int)


def test_calibration_error_is_small_for_honest_probabilities_and_large_for_boasts():
    generator = np.random.default_rng(0)
    probability = generator.uniform(0, 1, 20_000)
    outcome = (generator.random(20_000) >= probability).astype(int)
    assert calibration_error(probability, outcome) < 0.02
    boast = np.where(probability > 0.5, 0.999, 0.001)
    assert calibration_error(boast, outcome) == pytest.approx(0.25, abs=0.02)
    assert calibration_error(1 - boast, 1 - outcome) == calibration_error(boast, outcome)


def test_honest_odds_are_left_as_they_are():
    odds, outcome = honest_choices()
    found = fit_calibration(odds, outcome)
    assert found.temperature == pytest.approx(1, abs=0.03)
    assert found.slips < 0.01
    assert calibration_error(expit(odds), outcome) < 0.01


@pytest.mark.parametrize("slips", [0.1, 0.4])
def test_boasts_and_slips_are_told_apart(slips):
    odds, outcome = honest_choices(scale=4)
    generator = np.random.default_rng(1)
    is_slip = generator.random(len(odds)) < slips
    outcome = np.where(is_slip, generator.integers(0, 2, len(odds)), outcome)
    found = fit_calibration(3 * odds, outcome)
    assert found.temperature == pytest.approx(3, rel=0.1)
    assert found.slips == pytest.approx(slips, abs=0.03)
    assert calibration_error(found(3 * odds), outcome) < 0.01


@pytest.mark.parametrize("factor", [0.001, 0.5, 2, 300])
def test_the_temperature_is_in_the_unit_of_the_odds(factor):
    odds, outcome = honest_choices(number=500)
    alone, found = fit_calibration(odds, outcome), fit_calibration(factor * odds, outcome)
    assert found.temperature == pytest.approx(factor * alone.temperature, rel=1e-3)
    assert found.slips == pytest.approx(alone.slips, abs=1e-4)


def test_swapping_the_images_changes_nothing():
    odds, outcome = honest_choices(number=300)
    assert fit_calibration(-odds, 1 - outcome) == fit_calibration(odds, outcome)


def test_temperature_and_slips_are_those_of_least_loss():
    odds, outcome = honest_choices(number=3000)
    odds *= 3
    found = log_loss(fit_calibration(odds, outcome)(odds), outcome)
    others = [
        log_loss(Calibration(temperature, slips)(odds), outcome)
        for temperature in np.linspace(2, 4, 21)
        for slips in np.linspace(0, 0.2, 11)
    ]
    assert found < min(others) + 1e-5 < log_loss(expit(odds), outcome)


def test_few_pairs_without_a_mistake_are_not_certainty():
    odds = np.array([0.5, -1.0, 2.0, -0.3])
    found = fit_calibration(odds, (odds < 0).astype(int))
    assert 0.7 < found(np.abs(odds)).mean() < 0.95


def test_a_reward_that_is_wrong_is_told_to_be_unsure():
    odds, outcome = honest_choices(number=500)
    assert np.abs(fit_calibration(odds, 1 - outcome)(odds) - 0.5).max() < 0.01
    assert fit_calibration(np.zeros(5), np.array([0, 1, 0, 1, 1])) == Calibration()


def test_log_odds_undo_the_logistic_function_and_stay_finite():
    odds = np.array([-8.0, -0.1, 0, 3.0])
    np.testing.assert_allclose(log_odds(expit(odds)), odds, rtol=1e-6)
    certain = log_odds(np.array([0.0, 1.0]))
    assert np.isfinite(certain).all()
    assert certain[0] == pytest.approx(-certain[1])


def test_no_group_has_a_part_in_its_own_calibration():
    odds, outcome = honest_choices(number=90)
    group = np.arange(90) % 3
    found = cross_fitted(odds, outcome, group)
    for number in range(3):
        own, others = group == number, group != number
        of_others = fit_calibration(odds[others], outcome[others])
        np.testing.assert_array_equal(found[own], of_others(odds[own]))
    assert cross_fitted(odds, outcome, np.zeros(90, int)) is None


def test_a_boaster_is_calibrated_between_folds():
    odds, outcome = honest_choices(number=4000)
    prompt = np.arange(4000) // 10
    found = calibrate(
        expit(3 * odds), outcome, prompt=prompt, fold=prompt % 4, generator=np.random.default_rng(0)
    )
    assert found["temperature"] == pytest.approx(3, abs=0.25)
    assert found["measured_between"] == "folds"
    assert found["before"]["error"] > 3 * found["after"]["error"]
    assert found["before"]["log_loss"] > found["after"]["log_loss"]
    # What is left is what chance alone would leave.
    assert found["after"]["error"] == pytest.approx(found["error_by_chance"], abs=0.01)


def test_one_fold_is_calibrated_between_its_prompts_and_one_prompt_not_at_all():
    odds, outcome = honest_choices(number=60)
    generator, fold = np.random.default_rng(0), np.zeros(60, int)
    several = calibrate(
        expit(odds), outcome, prompt=np.arange(60) // 4, fold=fold, generator=generator
    )
    assert several["measured_between"] == "prompts"
    alone = calibrate(expit(odds), outcome, prompt=fold, fold=fold, generator=generator)
    assert (alone["temperature"], alone["slips"], alone["after"]) == (1, 0, None)


def test_parts_keep_prompts_whole():
    prompt = np.random.default_rng(0).integers(0, 37, 500) * 11
    parts = parts_of_prompts(prompt)
    assert len(np.unique(parts)) == 10
    assert all(len(np.unique(parts[prompt == each])) == 1 for each in np.unique(prompt))


def test_bins_add_up_to_all_pairs_and_to_the_error():
    odds, outcome = honest_choices(number=700)
    generator = np.random.default_rng(0)
    bins = reliability(expit(odds), outcome, np.arange(700) // 7, generator)
    assert sum(each["pairs"] for each in bins) == 700
    gaps = sum(each["pairs"] * abs(each["accuracy"] - each["confidence"]) for each in bins)
    assert gaps / 700 == pytest.approx(calibration_error(expit(odds), outcome))


def test_chance_leaves_more_error_in_fewer_pairs():
    odds, _ = honest_choices()
    errors = [
        error_by_chance(expit(odds[:number]), np.random.default_rng(0))
        for number in (30, 300, 3000)
    ]
    assert errors[0] > 2 * errors[1] > 4 * errors[2] > 0
