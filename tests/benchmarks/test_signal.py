import math

import torch

from benchmarks.signal.estimate import strength
from benchmarks.signal.gradients import advantages_of


def test_signal_and_noise_are_those_of_the_distribution():
    generator = torch.Generator().manual_seed(0)
    expectation = torch.full((50,), 0.3)
    draws = expectation + 2 * torch.randn(4000, 50, generator=generator)
    found = strength(draws)
    assert math.isclose(found.signal, 50 * 0.3**2, rel_tol=0.1)
    assert math.isclose(found.noise, 50 * 2**2, rel_tol=0.02)
    assert found.ratio(8) == 8 * found.signal / found.noise


def test_signal_of_pure_noise_is_zero_on_average():
    generator = torch.Generator().manual_seed(0)
    signals = [strength(torch.randn(5, 20, generator=generator)).signal for _ in range(2000)]
    assert abs(sum(signals) / len(signals)) < 0.15  # five standard errors


def test_a_shared_start_is_compared_with_its_own_images():
    rewards = torch.tensor([0.0, 2.0, 10.0, 12.0])
    torch.testing.assert_close(
        advantages_of(rewards, 2, "start"), torch.tensor([-1.0, 1.0, -1.0, 1.0])
    )
    running = advantages_of(rewards, 2, "running")
    torch.testing.assert_close(running.mean(), torch.tensor(0.0))
    assert running[1] < 0 < running[2]
