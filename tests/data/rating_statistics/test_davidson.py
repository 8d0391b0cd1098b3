"""The likelihood of ties and sides, and its fit."""

import numpy as np
import pytest
from scipy.optimize import check_grad
from scipy.special import softmax

from data.rating_statistics.davidson import (
    curvatures,
    design_of,
    fit,
    penalised_loss,
    scores,
)

NO_PRIOR = 1e4
NUM_POLICIES = 3


def draw(theta, num, seed=0):
    random = np.random.default_rng(seed)
    left = random.integers(NUM_POLICIES, size=num)
    right = (left + random.integers(1, NUM_POLICIES, size=num)) % NUM_POLICIES
    design = design_of(left, right, NUM_POLICIES)
    chances = softmax(design @ np.array(theta), axis=1).cumsum(axis=1)
    return left, right, (random.random((num, 1)) > chances[:, :2]).sum(axis=1)


@pytest.fixture
def drawn():
    return draw([0.5, -1.0, 0.5, 0.4, -0.7], 200)


def test_the_chances_are_davidsons():
    left, right = np.array([0]), np.array([1])
    strengths, side, nu = np.array([3.0, 2.0]), 1.5, 0.7
    theta = np.log([*strengths, side, nu])
    odds = np.exp(design_of(left, right, 2)[0] @ theta)
    won, lost = np.sqrt(strengths[0] * side / strengths[1]), np.sqrt(strengths[1] / 3 / side)
    np.testing.assert_allclose(odds, [won, lost, nu])


def test_the_gradient_is_that_of_finite_differences(drawn):
    left, right, seen = drawn
    design = design_of(left, right, NUM_POLICIES)
    for seed in range(3):
        theta = np.random.default_rng(seed).normal(size=5)
        error = check_grad(
            lambda x: penalised_loss(x, design, seen)[0],
            lambda x: penalised_loss(x, design, seen)[1],
            theta,
        )
        assert error < 1e-4


def test_the_curvature_is_that_of_finite_differences(drawn):
    left, right, seen = drawn
    design = design_of(left, right, NUM_POLICIES)
    theta, step = np.array([0.3, -0.2, 0.1, 0.2, -0.5]), 1e-6
    columns = [
        (scores(theta - step * unit, design, seen) - scores(theta + step * unit, design, seen))
        / (2 * step)
        for unit in np.eye(5)
    ]
    np.testing.assert_allclose(curvatures(theta, design), np.stack(columns, axis=-1), atol=1e-7)


def test_the_fit_is_where_the_gradient_vanishes(drawn):
    left, right, seen = drawn
    design = design_of(left, right, NUM_POLICIES)
    found = fit(design, seen)
    np.testing.assert_allclose(penalised_loss(found.theta, design, seen)[1], 0, atol=1e-5)


def test_the_fit_finds_the_truth():
    theta = np.array([0.5, -1.0, 0.5, 0.4, -0.7])
    left, right, seen = draw(theta, 40_000)
    found = fit(design_of(left, right, NUM_POLICIES), seen)
    np.testing.assert_allclose(found.theta, theta, atol=0.06)


def test_without_a_side_the_fit_is_evalicas():
    evalica = pytest.importorskip("evalica")
    winner = [evalica.Winner.X, evalica.Winner.Y, evalica.Winner.Draw]
    left, right, seen = draw([0.5, -1.0, 0.5, 0.0, -0.7], 600)
    expected = evalica.newman(
        left.tolist(), right.tolist(), [winner[s] for s in seen], tolerance=1e-12, limit=10_000
    )
    # Every comparison once more with its sides swapped: the side is then worth exactly nothing.
    swapped = np.choose(seen, [1, 0, 2])
    both = np.r_[left, right], np.r_[right, left], np.r_[seen, swapped]
    found = fit(design_of(*both[:2], NUM_POLICIES), both[2], NO_PRIOR)
    strengths = np.log(expected.scores.sort_index().to_numpy())
    np.testing.assert_allclose(np.diff(found.theta[:3]), np.diff(strengths), atol=1e-4)
    assert found.theta[3] == pytest.approx(0, abs=1e-6)
    # Newman writes the share of ties as 2 v sqrt(pi_i pi_j).
    assert found.theta[4] == pytest.approx(np.log(2 * expected.v), abs=1e-4)
