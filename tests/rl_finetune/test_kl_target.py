import math

import pytest

from rl_finetune.kl_target import KlWeight


def test_without_a_target_the_weight_stays():
    weight = KlWeight(0.02, None)
    weight.steer(100.0)
    assert weight.value == 0.02


@pytest.mark.parametrize(
    ("kl", "factor"), [(2.2, math.exp(0.01)), (50.0, math.exp(0.02)), (0.0, math.exp(-0.02))]
)
def test_it_moves_towards_the_target_by_two_per_cent_at_most(kl, factor):
    weight = KlWeight(0.02, 2.0)
    weight.steer(kl)
    assert weight.value == pytest.approx(0.02 * factor)


def test_it_settles_where_the_kl_is_the_target():
    weight = KlWeight(1.0, 2.0)
    for _ in range(500):
        weight.steer(0.1 / weight.value)  # a policy whose KL falls as its price rises
    assert 0.1 / weight.value == pytest.approx(2.0, rel=1e-3)


def test_it_survives_saving():
    weight, again = KlWeight(1.0, 2.0), KlWeight(1.0, 2.0)
    weight.steer(5.0)
    again.load_state_dict(weight.state_dict())
    assert again.value == weight.value
