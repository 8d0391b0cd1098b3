"""Sets of images in a feature space."""

import math

import pytest
import torch

from rl_finetune.distributions import kernel_bandwidth, mean_cosine_distances, squared_mmd


def drawn(seed: int, number: int, *, shift: float = 0.0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(number, 3, generator=generator) + shift


def test_each_images_distance_is_the_mean_over_the_others():
    features = torch.nn.functional.normalize(drawn(0, 5), dim=1)
    distances = mean_cosine_distances(features)
    for n in range(5):
        others = [m for m in range(5) if m != n]
        cosines = torch.nn.functional.cosine_similarity(features[n], features[others])
        torch.testing.assert_close(distances[n], (1 - cosines).mean())


def test_a_set_of_one_image_over_and_over_has_no_diversity():
    features = torch.tensor([[0.6, 0.8]]).expand(4, 2)
    torch.testing.assert_close(mean_cosine_distances(features), torch.zeros(4), rtol=0, atol=1e-6)


def test_the_bandwidth_is_the_median_of_all_distances():
    assert kernel_bandwidth(torch.tensor([[0.0], [1.0], [3.0]])) == 2.0


def test_the_squared_mmd_equals_its_closed_form_for_two_gaussians():
    """E[k(x, y)] = (s^2 / (s^2 + 2))^(d/2) exp(-|m|^2 / 2(s^2 + 2)) for x - y of mean m."""
    shift, width, size = 1.0, 1.5, 1500
    found = squared_mmd(drawn(1, size), drawn(2, size, shift=shift), width)
    scale = width**2 / (width**2 + 2)
    exact = 2 * scale**1.5 * (1 - math.exp(-3 * shift**2 / (2 * (width**2 + 2))))
    assert found == pytest.approx(exact, abs=0.02)
    assert exact > 0.2


def test_two_samples_of_one_distribution_are_no_distance_apart_on_average():
    """Unbiased: the mean over draws is 0, of both signs, where the biased one is 2/n above it."""
    found = torch.tensor(
        [squared_mmd(drawn(2 * n, 20), drawn(2 * n + 1, 20), 1.0) for n in range(200)]
    )
    error = found.std() / math.sqrt(len(found))
    assert abs(found.mean()) < 4 * error
    assert error < 0.002
    assert (found < 0).any()
