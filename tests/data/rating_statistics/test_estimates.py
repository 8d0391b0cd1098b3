"""Intervals of shares."""

import numpy as np
import pytest
from scipy.stats import binomtest

from data.rating_statistics.estimates import clustered_share, share_of, wilson_interval


@pytest.mark.parametrize(("hits", "num"), [(0, 5), (5, 5), (3, 7), (40, 100)])
def test_wilson_is_scipys(hits, num):
    expected = binomtest(hits, num).proportion_ci(0.95, method="wilson")
    assert wilson_interval(hits / num, num) == pytest.approx((expected.low, expected.high))


def test_nothing_has_no_share():
    nothing = np.array([])
    assert share_of(0, 0) is None
    assert clustered_share(nothing, nothing, np.array([], dtype=int), 0) is None


def test_one_cluster_has_no_interval():
    assert clustered_share(np.ones(3), np.ones(3), np.zeros(3, dtype=int), 3).interval is None


def test_with_equal_clusters_the_error_is_that_of_their_means():
    hits = np.array([1.0, 1, 0, 1, 0, 0, 0, 0, 1, 1, 1, 1])
    found = clustered_share(hits, np.ones(12), np.repeat([7, 3, 5], 4), 12)
    # Wilson's ends are where the share lies as many errors away as the quantile says.
    error = np.std([0.75, 0.0, 1.0], ddof=1) / np.sqrt(3)
    spread = np.sqrt(found.value * (1 - found.value)) / error
    for end in found.interval:
        away = abs(found.value - end) * spread / np.sqrt(end * (1 - end))
        assert away == pytest.approx(4.302653)


def test_clusters_that_happen_to_be_equal_are_no_certainty():
    raters = np.repeat([0, 1, 2], 10)
    equal = clustered_share(np.ones(30), np.ones(30), raters, 30)
    worth = 30 * (1.959964 / 4.302653) ** 2
    assert equal.interval == pytest.approx(list(wilson_interval(1.0, worth)))
    nearly = clustered_share(1.0 * (np.arange(30) > 0), np.ones(30), raters, 30)
    assert nearly.low < equal.low < wilson_interval(1.0, 30)[0]
