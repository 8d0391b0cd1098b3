"""What an answer is expected to tell, and how pairs are drawn by it."""

from collections import Counter

import numpy as np
import pytest
import torch

from reward_training.choosing import choose, information_gain
from reward_training.posterior import fit_posterior

ZERO = torch.zeros(())


@pytest.fixture
def told():
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(30, 2, 4, generator=generator)
    return features, features @ torch.randn(4, generator=generator)


def posterior_of(features, rewards, weight=None):
    weight = torch.ones(len(rewards)) if weight is None else weight
    return fit_posterior([(features, rewards, weight)], tie_logit=ZERO, bar=ZERO, ties="davidson")


@pytest.mark.parametrize("ties", ["none", "davidson", "rao_kupper"])
def test_the_gain_is_by_how_much_the_answer_narrows_the_posterior(told, ties):
    features, rewards = told
    known = {"tie_logit": ZERO, "bar": ZERO, "ties": ties}
    weight = torch.ones(len(rewards))
    before = fit_posterior([(features, rewards, weight)], **known)
    gains = information_gain(features, rewards, before, **known)
    for pair in range(3):
        precision = torch.linalg.inv(before.covariance.double())
        from reward_training.posterior import information

        one = information(rewards[[pair]], **known)[0].double()
        both = features[pair].double()
        after = precision + both.T @ one @ both
        narrowed = (torch.logdet(after) - torch.logdet(precision)) / 2
        torch.testing.assert_close(gains[pair].double(), narrowed, rtol=1e-3, atol=1e-5)


def test_an_image_beside_itself_tells_nothing_in_bradley_terry(told):
    features, rewards = told
    twice, equal = features[:, [0, 0]], rewards[:, [0, 0]]
    gains = information_gain(
        twice, equal, posterior_of(*told), tie_logit=ZERO, bar=ZERO, ties="none"
    )
    torch.testing.assert_close(gains, torch.zeros(len(rewards)), atol=1e-4, rtol=0)


def test_pairs_are_drawn_once_in_proportion_to_their_gain():
    gains = np.array([1.0, 3.0, 0.0, 4.0])
    firsts = Counter()
    for seed in range(4000):
        drawn = choose(gains, num=3, evenly=[], rng=np.random.default_rng(seed))
        places = [each.candidate for each in drawn]
        assert sorted(places) == [0, 1, 3]  # what tells nothing is not asked
        firsts[places[0]] += 1
        left = 8.0
        for each in drawn:
            assert each.propensity == pytest.approx(gains[each.candidate] / left)
            left -= gains[each.candidate]
    shares = [firsts[place] / 4000 for place in (0, 1, 3)]
    assert shares == pytest.approx([1 / 8, 3 / 8, 4 / 8], abs=0.03)


def test_what_chance_chose_is_not_drawn_again_and_no_more_than_there_is():
    drawn = choose(np.ones(5), num=10, evenly=[1, 4], rng=np.random.default_rng(0))
    assert sorted(each.candidate for each in drawn) == [0, 2, 3]
    assert [each.propensity for each in drawn] == pytest.approx([1 / 3, 1 / 2, 1])
