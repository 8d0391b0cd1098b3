import pytest
import torch

from rl_finetune.advantages import PromptStatistics, compute_advantages
from rl_finetune.dpok_config import AdvantageConfig


def compute(rewards, prompt_ids, running=None, **config):
    return compute_advantages(
        torch.tensor(rewards),
        prompt_ids,
        running or PromptStatistics(100),
        AdvantageConfig(**config),
    )


@pytest.mark.parametrize("baseline", ["group", "running", "start"])
def test_advantages_of_a_group_sum_to_zero_with_unit_variance(baseline):
    ids = ["a", "b"] * 4
    advantages = compute([1.0, 20.0, 2.0, 10.0, 4.0, 30.0, 3.0, 25.0], ids, baseline=baseline)
    for group in (advantages[::2], advantages[1::2]):
        assert group.sum().item() == pytest.approx(0, abs=1e-5)
        assert group.std(unbiased=False).item() == pytest.approx(1)


def test_adding_and_scaling_rewards_changes_nothing():
    rewards, ids = [0.1, 0.7, 0.3, 0.2], ["a", "a", "b", "b"]
    moved = [5 + 3 * reward for reward in rewards]
    torch.testing.assert_close(compute(rewards, ids), compute(moved, ids), rtol=1e-4, atol=1e-4)


def test_constant_rewards_give_no_advantage():
    assert compute([0.1] * 7, ["a"] * 4 + ["b"] * 3).abs().max() < 1e-6


def test_a_nearly_constant_prompt_is_not_blown_up():
    advantages = compute([0.0, 1.0, 0.5, 0.5001], ["a", "a", "b", "b"], std_floor=0.1)
    assert advantages[2:].abs().max() < 0.01


def test_advantages_are_limited():
    rewards = [0.0] * 99 + [1.0]
    assert compute(rewards, ["a"] * 100, max_advantage=2.0).max() == 2.0


def test_running_statistics_remember_a_window():
    running, told = PromptStatistics(4), {"baseline": "running"}
    compute([9.0, 9.0], ["a", "a"], running, **told)
    compute([1.0, 3.0, 1.0, 3.0], ["a"] * 4, running, **told)
    assert running.mean("a") == 2.0
    assert running.variance("a") == 1.0
    found = compute([2.0], ["a"], running, **told)
    assert found.item() == pytest.approx(-0.25 / 0.6875**0.5)


@pytest.mark.parametrize("baseline", ["group", "start"])
def test_groups_of_unlike_levels_have_one_unit(baseline):
    running, ids = PromptStatistics(8), ["a"] * 4
    first = compute([0.0, 0.0, 2.0, 2.0], ids, running, baseline=baseline)
    assert first.tolist() == pytest.approx([-1, -1, 1, 1])
    second = compute([107.0, 107.0, 113.0, 113.0], ids, running, baseline=baseline)
    unit = ((1 + 9) / 2) ** 0.5  # of both iterations' distances from their own means
    assert second.tolist() == pytest.approx([-3 / unit, -3 / unit, 3 / unit, 3 / unit])


@pytest.mark.parametrize(
    ("baseline", "scale", "expected"),
    [
        ("none", "none", [1.0, 3.0, 20.0, 10.0]),
        ("value", "none", [1.0, 3.0, 20.0, 10.0]),
        ("running", "none", [-1.0, 1.0, 5.0, -5.0]),
        ("group", "none", [-1.0, 1.0, 5.0, -5.0]),
        ("value", "prompt", [-1.0, 1.0, 1.0, -1.0]),
        ("none", "prompt", [1.0, 3.0, 4.0, 2.0]),
    ],
)
def test_what_is_subtracted_and_what_the_unit_is(baseline, scale, expected):
    rewards, ids = [1.0, 3.0, 20.0, 10.0], ["a", "a", "b", "b"]
    found = compute(rewards, ids, baseline=baseline, scale=scale, max_advantage=100.0)
    assert found.tolist() == pytest.approx(expected)


def test_a_window_that_cuts_a_group_moves_no_baseline():
    running, ids = PromptStatistics(3), ["a"] * 4
    advantages = compute([1.0, 2.0, 3.0, 10.0], ids, running, baseline="group")
    assert advantages.sum().item() == pytest.approx(0, abs=1e-5)


def test_statistics_survive_saving():
    running, again = PromptStatistics(4), PromptStatistics(4)
    running.update(["a", "b", "a"], torch.tensor([1.0, 2.0, 3.0]))
    again.load_state_dict(running.state_dict())
    for statistics in (running, again):
        statistics.update(["a"] * 3, torch.tensor([5.0, 6.0, 7.0]))
    assert again.state_dict() == running.state_dict()
