import numpy as np
import pytest
import torch

from data.errors import ConfigError
from rl_finetune.dpok_config import DpokConfig
from rl_finetune.schedule import make_schedule
from rl_finetune.steps import choose_steps, make_budget

CONFIG = {"beta_schedule": "scaled_linear", "set_alpha_to_one": True}
SCHEDULE = make_schedule(CONFIG, num_steps=7, eta=1.0)  # the last of the 7 has no noise


def choose(num_images, num_updates=1, **dpok):
    budget = make_budget(SCHEDULE, DpokConfig(**dpok), num_updates)
    return choose_steps(np.random.default_rng(0), num_images, budget)


def test_the_window_is_the_start_and_all_else_is_for_the_kl():
    chosen = choose(50, window=0.3, num_kl_steps=2)
    assert chosen.trained.sort(dim=1).values.unique(dim=0).tolist() == [[0, 1]]
    assert chosen.later.unique().tolist() == [2, 3, 4, 5]
    assert chosen.later.shape == (50, 2)
    assert chosen.policy_weights.tolist() == [1, 1, 0, 0]
    assert chosen.kl_weights.tolist() == [1, 1, 2, 2]


def test_a_window_of_all_steps_is_the_papers():
    chosen = choose(3, window=1.0)
    assert chosen.trained.sort(dim=1).values.tolist() == [[0, 1, 2, 3, 4, 5]] * 3
    assert chosen.later.shape == (3, 0)
    assert chosen.kl_weights.tolist() == chosen.policy_weights.tolist() == [1] * 6


def share_of_each_step(weights, indices):
    """Return how many times each step counts, on average over the images."""
    counts = torch.zeros(7).index_add(0, indices.flatten(), weights.repeat(len(indices)))
    return counts / len(indices)


def test_subsets_estimate_the_sums_without_bias():
    chosen = choose(20_000, window=0.5, num_train_steps=2)
    policy = share_of_each_step(chosen.policy_weights, chosen.indices)
    kl = share_of_each_step(chosen.kl_weights, chosen.indices)
    torch.testing.assert_close(policy, torch.tensor([1.0] * 4 + [0.0] * 3), rtol=0, atol=0.03)
    torch.testing.assert_close(kl, torch.tensor([1.0] * 6 + [0.0]), rtol=0, atol=0.03)


def test_every_update_estimates_the_whole():
    chosen = choose(20_000, num_updates=2, window=0.5, num_train_steps=3, num_kl_steps=2)
    seen = []
    for part, columns in chosen.split(2, with_later=True):
        assert torch.equal(chosen.indices[:, columns], part.indices)
        seen += columns.tolist()
        policy = share_of_each_step(part.policy_weights, part.indices)
        torch.testing.assert_close(policy, torch.tensor([1.0] * 4 + [0.0] * 3), rtol=0, atol=0.05)
        kl = share_of_each_step(part.kl_weights, part.indices)
        torch.testing.assert_close(kl, torch.tensor([1.0] * 6 + [0.0]), rtol=0, atol=0.05)
    assert sorted(seen) == list(range(5))


@pytest.mark.parametrize("num_updates", [1, 2, 3])
@pytest.mark.parametrize("num_kl_steps", [1, 2, 3])
def test_updates_together_count_each_step_once(num_updates, num_kl_steps):
    """Also where there are more updates than later steps, so that some updates have none."""
    chosen = choose(6, num_updates, window=0.5, num_kl_steps=num_kl_steps)
    parts = [part for part, _ in chosen.split(num_updates, with_later=True)]
    later = sum(part.kl_weights[part.trained.shape[1] :].sum() for part in parts) / num_updates
    trained = sum(part.kl_weights[: part.trained.shape[1]].sum() for part in parts) / num_updates
    assert later == pytest.approx(2)
    assert trained == pytest.approx(4)


def test_without_the_kl_later_steps_are_left_out():
    chosen = choose(6, num_updates=2, window=0.5, num_train_steps=3, num_kl_steps=2)
    without = [part.indices.shape[1] for part, _ in chosen.split(2, with_later=False)]
    assert without == [2, 1]


@pytest.mark.parametrize("dpok", [{"num_train_steps": 3}, {"num_train_steps": 1}])
def test_more_steps_than_there_are_or_fewer_than_updates_are_refused(dpok):
    with pytest.raises(ConfigError, match="at most the 2 with noise in the window"):
        choose(1, num_updates=2, window=0.3, **dpok)
