"""How well raters tell each other's choices."""

import numpy as np
import pytest

from data.rating_statistics.ceiling import human_ceiling
from data.rating_statistics.outcomes import MISSING, Outcome, OutcomeTable

A, B, TIE, BOTH_BAD = Outcome
GAP = MISSING


def ceiling(*rows):
    outcomes = np.array(rows, dtype=np.int64).reshape(len(rows), -1)
    names = tuple(str(n) for n in range(len(outcomes)))
    raters = tuple(str(n) for n in range(outcomes.shape[1]))
    return human_ceiling(OutcomeTable(outcomes, names, names, raters))


def test_a_worked_example():
    found = ceiling([A, A, A, B], [A, A, GAP, GAP], [A, B, TIE, GAP])
    # Against another: three times 2/3 and once 0; twice 1; twice 0.
    assert found.of_another.value == pytest.approx((3 * 2 / 3 + 0 + 2 + 0) / 8)
    assert found.of_another.num == 3
    # Against the others' majority: three are with two of three, one is against all three.
    assert found.of_majority.value == pytest.approx(3 / 4)
    assert found.of_majority.num == 1


def test_an_even_split_counts_half():
    assert ceiling([A, A, B]).of_majority.value == pytest.approx((0.5 + 0.5 + 0) / 3)


def test_raters_who_always_agree_reach_one():
    found = ceiling(*[[A, A, A], [B, B, B]] * 10)
    assert found.of_another.value == found.of_majority.value == 1
    assert 0.7 < found.of_another.low < 1


@pytest.mark.parametrize(
    "rows", [[[]], [[A]], [[GAP, GAP]], [[TIE, TIE]], [[A, BOTH_BAD], [GAP, B]]]
)
def test_without_two_decisions_on_a_pair_there_is_no_ceiling(rows):
    found = ceiling(*rows)
    assert (found.of_another, found.of_majority) == (None, None)


def test_two_raters_have_no_majority_of_others():
    found = ceiling([A, A], [A, B])
    assert found.of_another.value == 0.5
    assert found.of_majority is None
