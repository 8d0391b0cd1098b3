"""Heads on a feature of the pair: they start with the own score, and are linear at the end."""

import pytest
import torch

from reward_training.pair_heads import make_pair_head

KINDS = ["similarity", "linear", "mlp"]


def make(kind):
    return make_pair_head(kind, width=6, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def pairs():
    """Terms of own scores, and features."""
    generator = torch.Generator().manual_seed(1)
    return torch.randn(9, 7, generator=generator), torch.randn(9, 6, generator=generator)


@pytest.mark.parametrize("kind", KINDS)
def test_untouched_it_is_the_own_score(kind, pairs):
    assert torch.equal(make(kind)(*pairs), pairs[0].sum(dim=-1))


@pytest.mark.parametrize("kind", KINDS)
def test_the_reward_is_its_last_features_times_the_last_weights(kind, pairs):
    head = make(kind)
    for weight in head.parameters():
        drawn = torch.randn(weight.shape, generator=torch.Generator().manual_seed(weight.numel()))
        weight.data = weight.data + 0.3 * drawn
    features = head.last_features(*pairs)
    found = features @ head.last_weights(features.shape[-1])
    torch.testing.assert_close(found, head(*pairs))


@pytest.mark.parametrize("kind", KINDS[1:])
def test_what_starts_at_zero_learns(kind, pairs):
    head = make(kind)
    head(*pairs).square().sum().backward()
    assert head.weight.grad.abs().sum() > 0
