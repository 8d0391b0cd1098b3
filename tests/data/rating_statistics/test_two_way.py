"""How sure a fit is, clustered both ways."""

import numpy as np
import pytest

from data.rating_statistics.davidson import design_of, fit
from data.rating_statistics.two_way import TwoWay

NUM = 240
RATERS = np.arange(NUM) % 4
PROMPTS = np.arange(NUM) // 12
DIRECTION = np.array([1.0, -1, 0, 0])


@pytest.fixture
def seen():
    return np.random.default_rng(0).choice(3, size=NUM, p=[0.5, 0.3, 0.2])


@pytest.fixture
def design():
    left = np.random.default_rng(1).integers(2, size=NUM)
    return design_of(left, 1 - left, 2)


def test_a_newton_step_is_nearly_a_refit(design, seen):
    fitted = fit(design, seen)
    for number, move in enumerate(TwoWay.of(fitted, [RATERS]).ways[0]):
        kept = number != RATERS
        refitted = fit(design[kept], seen[kept])
        np.testing.assert_allclose(move, refitted.theta - fitted.theta, atol=0.02)


def test_never_narrower_than_one_way_or_independent_comparisons(design, seen):
    fitted = fit(design, seen)
    both = TwoWay.of(fitted, [RATERS, PROMPTS]).half_width(DIRECTION)
    independent = 1.959964 * np.sqrt(DIRECTION @ np.linalg.inv(fitted.information) @ DIRECTION)
    assert both >= independent
    for way in (RATERS, PROMPTS):
        assert both >= TwoWay.of(fitted, [way]).half_width(DIRECTION)


def test_the_order_of_the_ways_does_not_matter(design, seen):
    fitted = fit(design, seen)
    there, back = (TwoWay.of(fitted, w) for w in ([RATERS, PROMPTS], [PROMPTS, RATERS]))
    assert there.half_width(DIRECTION) == pytest.approx(back.half_width(DIRECTION))


def test_a_way_with_one_cluster_is_no_way(design, seen):
    fitted, single = fit(design, seen), np.zeros(NUM, dtype=int)
    alone, beside = (TwoWay.of(fitted, w) for w in ([PROMPTS], [single, PROMPTS]))
    assert alone.half_width(DIRECTION) == beside.half_width(DIRECTION)
    assert TwoWay.of(fitted, [single]).half_width(DIRECTION) is None
