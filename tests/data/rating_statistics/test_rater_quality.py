"""What comparisons say of who made them, and when it is worth a look."""

from dataclasses import replace

import numpy as np
import pytest

from data.rating_statistics.rater_quality import TOO_FAST_MS, rater_quality
from data.rating_statistics.verdict import Thresholds, verdict


@pytest.fixture
def pairs(new_pair):
    return {str(n): new_pair(str(n)) for n in range(60)}


@pytest.fixture
def rated(pairs, new_comparison):
    def rate(rater, choices, **kept):
        return [
            new_comparison(rater, pair, choice, is_a_left=n % 2 == 0, **kept)
            for n, (pair, choice) in enumerate(zip(pairs.values(), choices, strict=False))
        ]

    return rate


def test_nobody_is_described_by_nothing():
    assert rater_quality([], {}) == []


def test_habits_are_counted_with_what_they_stand_on(pairs, rated):
    (found,) = rater_quality(
        rated("ada", ["left", "left", "right", "tie", "both_bad", "skip"]), pairs
    )
    assert (found.rater_id, found.num, found.num_skips) == ("ada", 5, 1)
    assert (found.left.value, found.left.num) == (pytest.approx(2 / 3), 3)
    assert (found.ties.value, found.both_bad.value, found.ties.num) == (0.2, 0.2, 5)
    assert found.median_milliseconds == 2000
    assert found.too_fast.value == 0
    assert (found.agreement, found.gold, found.consistency) == (None, None, None)


def test_times_that_are_unknown_do_not_count(pairs, rated):
    slow, fast = rated("ada", "a"), rated("ada", "ab", milliseconds=TOO_FAST_MS - 1)[1:]
    unknown = rated("ada", "aba", milliseconds=0)[2:]
    (found,) = rater_quality(slow + fast + unknown, pairs)
    assert (found.too_fast.value, found.too_fast.num) == (0.5, 2)
    (found,) = rater_quality(rated("ada", "ab", milliseconds=0), pairs)
    assert (found.median_milliseconds, found.too_fast) == (None, None)


def test_agreement_is_with_others_on_shared_decided_pairs(pairs, rated):
    comparisons = rated("ada", ["a", "a", "a", "tie", "a"])
    comparisons += rated("bob", ["a", "b", "a", "a"]) + rated("eve", ["b", "b", "a"])
    ada, bob, eve = rater_quality(comparisons, pairs)
    assert (ada.agreement.value, ada.agreement.num) == (pytest.approx((0.5 + 0 + 1) / 3), 3)
    assert bob.agreement.value == pytest.approx((0.5 + 0.5 + 1) / 3)
    assert eve.agreement.value == pytest.approx((0 + 0.5 + 1) / 3)


def test_gold_takes_the_better_image_and_ties_are_wrong(pairs, rated):
    known = {name: replace(pair, better=pair.image_a) for name, pair in pairs.items()}
    gold = rated("ada", ["a", "b", "tie", "skip"]) + rated("bob", "b")
    rest = rated("ada", "aaaaa")[4:] + rated("eve", "aaaaa")[4:]
    ada, eve = rater_quality(rest, known, gold=gold)
    assert (ada.gold.value, ada.gold.num) == (pytest.approx(1 / 3), 3)
    assert (ada.num, eve.gold) == (1, None)


def test_consistency_is_about_images_and_not_sides(pairs, new_comparison):
    def repeat(name, first, second):
        return tuple(
            new_comparison("ada", pairs[name], choice, is_a_left=is_left)
            for choice, is_left in ((first, True), (second, False))
        )

    repeats = [repeat("0", "a", "a"), repeat("1", "left", "left"), repeat("2", "tie", "tie")]
    repeats.append(repeat("3", "skip", "a"))
    (found,) = rater_quality([repeats[0][1]], pairs, repeats=repeats)
    assert (found.consistency.value, found.consistency.num) == (pytest.approx(2 / 3), 3)


@pytest.mark.parametrize(
    ("rater", "name", "is_a_left"), [("bob", "0", False), ("ada", "1", False), ("ada", "0", True)]
)
def test_what_is_no_swapped_repeat_is_refused(pairs, new_comparison, rater, name, is_a_left):
    first = new_comparison("ada", pairs["0"], "a")
    second = new_comparison(rater, pairs[name], "a", is_a_left=is_a_left)
    with pytest.raises(ValueError, match="sides swapped"):
        rater_quality([first], pairs, repeats=[(first, second)])


def test_a_careful_rater_is_fine(pairs, rated):
    truth = np.random.default_rng(0).choice(["a", "b"], size=60)
    ada, bob = rater_quality(rated("ada", truth) + rated("bob", truth), pairs)
    assert str(verdict(ada)) == str(verdict(bob)) == "fine"


@pytest.mark.parametrize(
    ("choices", "milliseconds", "reason"),
    [
        (["left"] * 60, 2000, "left 100 % of 60"),
        (["right"] * 60, 2000, "left 0 % of 60"),
        (["tie"] * 60, 2000, "ties 100 % of 60"),
        (["both_bad"] * 60, 2000, "both bad 100 % of 60"),
        (["a", "b"] * 30, 300, "too fast 100 % of 60"),
        (["b", "a"] * 30, 2000, "agreement 0 % of 60"),
    ],
)
def test_a_careless_rater_is_worth_a_look(pairs, rated, choices, milliseconds, reason):
    comparisons = rated("eve", choices, milliseconds=milliseconds) + rated("ada", ["a", "b"] * 30)
    found = verdict(rater_quality(comparisons, pairs)[0])
    assert found.flag == "look at"
    assert reason in found.reasons
    assert str(found).startswith("look at: ")


def test_few_comparisons_flag_nobody(pairs, rated):
    (found,) = rater_quality(rated("ada", ["left"] * 4), pairs)
    assert verdict(found).flag == "fine"


def test_thresholds_can_be_stated(pairs, rated):
    (found,) = rater_quality(rated("ada", ["left"] * 60), pairs)
    assert verdict(found, Thresholds(off_centre=0.5)).flag == "fine"
