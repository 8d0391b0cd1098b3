"""Left or right."""

import pytest

from data.rating_statistics.side_bias import side_bias


def test_the_bias_is_the_share_of_left_less_one_half(new_pair, new_comparison):
    said = ["left", "left", "left", "right", "tie", "both_bad", "skip"]
    found = side_bias([new_comparison("ada", new_pair(str(n)), c) for n, c in enumerate(said)])
    assert found.plain.value == found.clustered.value == 0.25
    assert found.plain.num == 4
    assert found.plain.low < 0.25 < found.plain.high
    assert found.clustered.interval is None, "one rater says nothing of others"


@pytest.mark.parametrize("said", [[], ["tie", "tie"], ["skip"]])
def test_without_decisions_there_is_no_bias(new_pair, new_comparison, said):
    assert side_bias([new_comparison("ada", new_pair("p"), choice) for choice in said]) is None


def test_raters_that_differ_widen_the_interval(new_pair, new_comparison):
    pairs = [new_pair(str(n)) for n in range(20)]
    comparisons = [
        new_comparison(rater, pair, side)
        for rater, side in (("ada", "left"), ("bob", "right"), ("eve", "left"))
        for pair in pairs
    ]
    found = side_bias(comparisons)
    assert found.clustered.low < found.plain.low < found.plain.high < found.clustered.high
