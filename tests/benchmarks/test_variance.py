import numpy as np
import torch

from benchmarks.variance.components import variance_components
from benchmarks.variance.nested import Nesting


def test_components_are_the_variances_that_were_put_in():
    random = np.random.default_rng(0)
    start, early, late = (
        random.normal(size=shape) for shape in [(4000, 1, 1), (4000, 3, 1), (4000, 3, 2)]
    )
    found = variance_components(3 * start + 2 * early + late)
    np.testing.assert_allclose(found, [9, 4, 1], rtol=0.05)


def test_without_noise_below_a_level_is_all_of_the_variance():
    values = np.broadcast_to(np.array([0.0, 1.0, 5.0])[:, None, None], (3, 2, 2))
    np.testing.assert_allclose(variance_components(values), [7, 0, 0])


class _Latents:
    latent_shape = (1, 2, 2)


def test_noise_is_shared_below_its_level():
    nesting = Nesting(counts=(2, 3, 4), num_early_steps=1)
    noise = nesting.noise(2, _Latents(), torch.Generator().manual_seed(0)).view(2, 3, 4, -1)
    assert torch.equal(noise[:, :, 0], noise[:, :, 3])
    assert len(noise[:, :, 0].flatten(0, 1).unique(dim=0)) == 6
