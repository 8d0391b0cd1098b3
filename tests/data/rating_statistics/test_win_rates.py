"""Win rates from comparisons, with intervals that speak of other raters and prompts."""

import numpy as np
import pytest

from data.rating_statistics.win_rates import win_probability, win_rates

NO_PRIOR = 1e4


@pytest.fixture
def judged(new_pair, new_comparison):
    def judge(said, policies="ab", prompts=None, **kept):
        """Take (rater, prompt, choice, is a left) and return the win rates of policies a and b."""
        pairs = {p: new_pair(p, policies=policies) for _, p, *_ in said}
        comparisons = [
            new_comparison(rater, pairs[p], choice, is_a_left=is_left)
            for rater, p, choice, is_left in said
        ]
        return win_rates(comparisons, pairs, _policies(pairs), **kept)

    return judge


def _policies(pairs):
    return {image: image[0] for p in pairs.values() for image in (p.image_a, p.image_b)}


def balanced(choices, raters=("ada", "bob", "eve")):
    return [
        (rater, str(n), choice, (n + r) % 2 == 0)
        for r, rater in enumerate(raters)
        for n, choice in enumerate(choices)
    ]


def test_the_win_rate_of_two_policies_is_the_observed_share(judged):
    """Where sides are balanced within each choice."""
    found = judged(balanced(["a"] * 10 + ["b"] * 4 + ["tie"] * 6, "wxyz"), prior_sd=NO_PRIOR)
    assert found.win_rates["a", "b"].value == pytest.approx((10 + 6 / 2) / 20)
    assert found.left.value == pytest.approx(0, abs=1e-6)
    assert found.win_rates["a", "b"].num == 80


def test_both_orders_are_told_and_add_up(judged):
    found = judged(balanced(["a", "a", "b", "tie"]))
    over, under = found.win_rates["a", "b"], found.win_rates["b", "a"]
    assert over.value + under.value == 1
    assert over.low + under.high == pytest.approx(1)


def test_the_prior_moves_little(judged):
    said = balanced(["a"] * 6 + ["b"] * 2 + ["tie"] * 2)
    plain, weak = (judged(said, prior_sd=sd).win_rates["a", "b"].value for sd in (NO_PRIOR, 2))
    assert abs(plain - weak) < 0.01


def test_who_always_wins_has_a_finite_strength_and_an_honest_interval(judged):
    over = judged(balanced(["a"] * 10)).win_rates["a", "b"]
    assert over.value == pytest.approx(0.98, abs=0.01)
    assert over.low < 0.9, "thirty of thirty: Clopper and Pearson's lower end is 0.88"
    assert over.high < 1


def test_both_bad_and_skips_are_counted_apart(judged):
    clear = balanced(["a", "a", "b", "tie"])
    more = [*clear, ("ada", "x", "both_bad", True), ("ada", "y", "skip", True)]
    found = judged(more)
    assert (found.num_decided, found.num_ties) == (9, 3)
    assert (found.num_both_bad, found.num_skips) == (1, 1)
    assert found.win_rates == judged(clear).win_rates


def test_an_undo_is_refused(judged):
    with pytest.raises(ValueError, match="undo"):
        judged([("ada", "x", "undo", True)])


@pytest.mark.parametrize(
    "said", [[], [("ada", "x", "skip", True)], [("ada", "x", "both_bad", True)]]
)
def test_nothing_to_order_gives_no_win_rates(judged, said):
    found = judged(said)
    assert (found.win_rates, found.left, found.num_decided) == ({}, None, 0)


def test_all_ties_are_one_half(judged):
    found = judged(balanced(["tie"] * 8))
    assert found.win_rates["a", "b"].value == pytest.approx(0.5)
    assert found.left is None


def test_one_policy_against_itself_still_tells_the_side(judged):
    found = judged(balanced(["left"] * 6 + ["right"] * 2), policies="aa")
    assert found.policies == ("a",)
    assert found.win_rates == {}
    assert found.left.value == pytest.approx(0.25, abs=0.02)


def test_one_rater_speaks_of_prompts_only(judged):
    said = balanced(["a"] * 8 + ["b"] * 4, ["ada"])
    assert judged(said).win_rates == judged(said, same_raters=True).win_rates
    assert judged(said).win_rates["a", "b"].interval is not None
    assert judged(said[:1]).win_rates["a", "b"].interval is None


def test_raters_of_opposite_tastes_say_little_of_other_raters(judged):
    said = [(r, str(n), c, n % 2 == 0) for r, c in (("ada", "a"), ("bob", "b"), ("eve", "a"))
            for n in range(20)]  # fmt: skip
    wide, narrow = (judged(said, same_raters=s).win_rates["a", "b"] for s in (False, True))
    assert wide.value == narrow.value
    assert wide.low < 0.1 < narrow.low < narrow.high < 0.9 < wide.high


def test_strength_carries_over_a_third_policy_and_unlinked_ones_stay_open(new_pair, new_comparison):
    def between(policies, wins):
        pairs = {f"{policies}{n}": new_pair(f"{policies}{n}", policies=policies) for n in range(20)}
        comparisons = [
            new_comparison(rater, pair, "a" if n < wins else "b", is_a_left=n % 2 == 0)
            for rater in ("ada", "bob", "eve")
            for n, pair in enumerate(pairs.values())
        ]
        return comparisons, pairs

    comparisons, pairs = [], {}
    for policies, wins in (("ab", 15), ("bc", 15), ("xy", 10)):
        more, of = between(policies, wins)
        comparisons, pairs = comparisons + more, pairs | of
    found = win_rates(comparisons, pairs, _policies(pairs)).win_rates
    assert found["a", "c"].num == 0
    assert found["a", "c"].value == pytest.approx(0.9, abs=0.02), "odds of 3 : 1 twice"
    assert found["a", "x"].low < 0.1
    assert found["a", "x"].high > 0.95


def test_the_slope_of_a_win_rate_is_that_of_finite_differences():
    theta, step = np.array([0.3, -0.4, 0.1, 0.8, -0.6]), 1e-6
    _, slope = win_probability(theta, 0, 2)
    ups, downs = (
        [win_probability(theta + sign * step * unit, 0, 2)[0] for unit in np.eye(5)]
        for sign in (1, -1)
    )
    np.testing.assert_allclose(slope, (np.array(ups) - downs) / (2 * step), atol=1e-8)
