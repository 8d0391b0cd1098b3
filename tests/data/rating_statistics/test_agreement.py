"""Krippendorff's alpha: worked examples, an independent program, and the cases without one."""

import tracemalloc

import numpy as np
import pytest

from data.rating_statistics.agreement import (
    agreement,
    krippendorff_alpha,
    observed_agreement,
)
from data.rating_statistics.ceiling import other_choices
from data.rating_statistics.outcomes import MISSING, OutcomeList, OutcomeTable

GAP = MISSING


def table(*columns):
    """Lay out one column a rater."""
    outcomes = np.array(columns, dtype=np.int64).reshape(len(columns), -1).T
    names = tuple(str(n) for n in range(len(outcomes)))
    return OutcomeTable(outcomes, names, names, tuple(str(n) for n in range(len(columns))))


def found(*columns):
    return agreement(table(*columns).listed(), np.random.default_rng(0))


def counts_of(raters):
    values = np.array(raters)
    return np.stack([(values == value).sum(axis=0) for value in range(1, 6)], axis=1)


def test_two_raters_binary_of_krippendorff_2011_section_a():
    of_first, of_second = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    assert found(of_first, of_second).alpha.value == pytest.approx(0.095, abs=5e-4)


def test_two_raters_five_values_of_krippendorff_2011_section_b():
    raters = [[1, 1, 2, 2, 4, 3, 3, 3, 5, 4, 4, 1], [2, 1, 2, 2, 2, 3, 3, 3, 5, 4, 4, 4]]
    assert krippendorff_alpha(counts_of(raters)) == pytest.approx(0.692, abs=5e-4)


def test_four_raters_with_gaps_of_krippendorff_2011_section_c():
    raters = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, 0, 0, 0],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, 0, 3],
        [0, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 0],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, 0],
    ]
    assert krippendorff_alpha(counts_of(raters)) == pytest.approx(0.743, abs=5e-4)


@pytest.mark.parametrize("seed", range(5))
def test_alpha_is_evalicas(seed):
    evalica = pytest.importorskip("evalica")
    pandas = pytest.importorskip("pandas")
    random = np.random.default_rng(seed)
    outcomes = np.where(
        random.random((40, 5)) < 0.4,
        GAP,
        (random.integers(4, size=(40, 1)) + (random.random((40, 5)) < 0.3)) % 4,
    )
    frame = pandas.DataFrame(np.where(outcomes == GAP, np.nan, outcomes).T)
    expected = evalica.alpha(frame, distance="nominal").alpha
    assert krippendorff_alpha(table(*outcomes.T).listed().counts()) == pytest.approx(expected)


def test_alpha_is_agreement_beyond_chance():
    outcomes = np.random.default_rng(0).integers(4, size=(50, 3))
    counts = table(*outcomes.T).listed().counts()
    totals = counts.sum(axis=0)
    by_chance = (totals * (totals - 1)).sum() / (totals.sum() * (totals.sum() - 1))
    expected = (observed_agreement(counts) - by_chance) / (1 - by_chance)
    assert krippendorff_alpha(counts) == pytest.approx(expected)


def test_perfect_agreement_is_one():
    same = [0, 1, 2, 3, 0, 1]
    perfect = found(same, same, same)
    assert perfect.alpha.value == 1
    assert perfect.observed.value == 1
    assert perfect.alpha.interval == [1, 1]


def test_constant_answers_have_no_alpha():
    constant = found([0] * 6, [0] * 6)
    assert constant.alpha is None
    assert constant.observed.value == 1
    assert constant.num_pairs == 6


@pytest.mark.parametrize(
    "columns",
    [[[]], [[0, 1, 0]], [[GAP, GAP], [GAP, GAP]], [[0, GAP], [GAP, 1]]],
    ids=["no comparison", "one rater", "all skips", "no overlap"],
)
def test_without_overlap_there_is_no_agreement(columns):
    nothing = found(*columns)
    assert (nothing.alpha, nothing.observed, nothing.num_pairs) == (None, None, 0)


def test_only_raters_and_answers_on_shared_pairs_count():
    counted = found([0, 1, 0], [0, 1, GAP], [GAP, GAP, 2])
    assert (counted.num_pairs, counted.num_comparisons, counted.num_raters) == (3, 6, 3)
    counted = found([0, 1, 0], [0, 1, GAP], [GAP, GAP, GAP])
    assert (counted.num_pairs, counted.num_comparisons, counted.num_raters) == (2, 4, 2)


def test_memory_does_not_grow_with_pairs_times_raters_or_resamples():
    num = 20_000
    names = tuple(map(str, range(num)))
    said = np.random.default_rng(0).integers(2, size=2 * num)
    pairs, raters = np.tile(np.arange(num), 2), np.arange(2 * num) // 2
    listed = OutcomeList(said, pairs, raters, names, names, names)
    tracemalloc.start()
    agreement(listed, np.random.default_rng(0))
    other_choices(listed.outcomes, listed.pairs)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 100 * 2**20  # as a table of pairs by raters it would be 3 GB


def test_one_shared_pair_has_no_interval():
    assert found([0], [1]).alpha.interval is None
