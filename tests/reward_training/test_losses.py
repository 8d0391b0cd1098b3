import math

import pytest
import torch

from reward_training.losses import (
    cross_entropy,
    outcome_log_probabilities,
    preference_loss,
    smooth_targets,
)

TIE_MODELS = ("none", "davidson", "rao_kupper")
MARGIN = torch.linspace(-8, 8, 33, dtype=torch.float64)
ANSWERS = torch.eye(3, dtype=torch.float64)


def tie_logit(value: float = 0.3) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.float64)


@pytest.mark.parametrize("ties", TIE_MODELS)
@pytest.mark.parametrize("value", [-3.0, 0.0, 2.0])
def test_probabilities_of_the_outcomes_sum_to_one(ties, value):
    total = outcome_log_probabilities(MARGIN, tie_logit(value), ties).exp().sum(dim=-1)
    torch.testing.assert_close(total, torch.ones_like(MARGIN))


@pytest.mark.parametrize("ties", TIE_MODELS)
def test_swapping_the_images_swaps_their_probabilities(ties):
    forward = outcome_log_probabilities(MARGIN, tie_logit(), ties)
    backward = outcome_log_probabilities(-MARGIN, tie_logit(), ties)
    torch.testing.assert_close(forward[:, 0], backward[:, 1])
    torch.testing.assert_close(forward[:, 2:], backward[:, 2:])


@pytest.mark.parametrize("ties", TIE_MODELS)
def test_swapping_images_and_answer_leaves_loss_and_flips_gradient(ties):
    margin = torch.tensor([0.7], dtype=torch.float64, requires_grad=True)
    swapped = (-margin.detach()).requires_grad_(True)
    loss = preference_loss(margin, tie_logit(), ANSWERS[:1], ties=ties, smoothing=0.1)
    same = preference_loss(swapped, tie_logit(), ANSWERS[1:2], ties=ties, smoothing=0.1)
    torch.testing.assert_close(loss, same)
    (gradient,) = torch.autograd.grad(loss.sum(), margin)
    (opposite,) = torch.autograd.grad(same.sum(), swapped)
    torch.testing.assert_close(gradient, -opposite)


@pytest.mark.parametrize("ties", TIE_MODELS)
def test_adding_a_constant_to_all_rewards_changes_nothing(ties):
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 9, generator=generator, dtype=torch.float64)
    loss = preference_loss(a - b, tie_logit(), ANSWERS.repeat(3, 1), ties=ties)
    shifted = preference_loss((a + 5) - (b + 5), tie_logit(), ANSWERS.repeat(3, 1), ties=ties)
    torch.testing.assert_close(loss, shifted)


def test_without_ties_it_is_bradley_terry():
    loss = preference_loss(MARGIN, tie_logit(), ANSWERS[:1].expand(33, 3), ties="none")
    torch.testing.assert_close(loss, -torch.sigmoid(MARGIN).log())


@pytest.mark.parametrize("ties", ["davidson", "rao_kupper"])
def test_tie_models_tend_to_bradley_terry_as_ties_vanish(ties):
    log_probabilities = outcome_log_probabilities(MARGIN, tie_logit(-30.0), ties)
    torch.testing.assert_close(log_probabilities[:, 0].exp(), torch.sigmoid(MARGIN))


def test_davidson_is_the_ratio_of_the_paper():
    strength_a, strength_b, nu = math.exp(1.2), math.exp(-0.4), math.exp(0.3)
    root = math.sqrt(strength_a * strength_b)
    whole = strength_a + strength_b + nu * root
    expected = torch.tensor([[strength_a, strength_b, nu * root]], dtype=torch.float64) / whole
    margin = torch.tensor([1.6], dtype=torch.float64)
    found = outcome_log_probabilities(margin, tie_logit(), "davidson").exp()
    torch.testing.assert_close(found, expected)


def test_rao_kupper_is_the_ratio_of_the_paper():
    strength_a, strength_b = math.exp(1.2), math.exp(-0.4)
    theta = math.exp(math.log1p(math.exp(0.3)))
    first = strength_a / (strength_a + theta * strength_b)
    second = strength_b / (theta * strength_a + strength_b)
    expected = torch.tensor([[first, second, 1 - first - second]], dtype=torch.float64)
    margin = torch.tensor([1.6], dtype=torch.float64)
    found = outcome_log_probabilities(margin, tie_logit(), "rao_kupper").exp()
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("ties", TIE_MODELS)
def test_a_tie_pulls_rewards_together(ties):
    margin = torch.tensor([2.0, -2.0], dtype=torch.float64, requires_grad=True)
    loss = preference_loss(margin, tie_logit(), ANSWERS[2:].expand(2, 3), ties=ties)
    (gradient,) = torch.autograd.grad(loss.sum(), margin)
    assert gradient[0] > 0 > gradient[1]


def test_soft_labels_are_mixtures_of_hard_ones():
    log_probabilities = outcome_log_probabilities(MARGIN[:1], tie_logit(), "davidson")
    share = torch.tensor([[0.6, 0.1, 0.3]], dtype=torch.float64)
    each = cross_entropy(log_probabilities.expand(3, 3), ANSWERS)
    torch.testing.assert_close(cross_entropy(log_probabilities, share), (share @ each))


def test_smoothing_keeps_targets_distributions_and_ties_ties():
    smooth = smooth_targets(ANSWERS, 0.2)
    torch.testing.assert_close(smooth.sum(dim=-1), torch.ones(3, dtype=torch.float64))
    torch.testing.assert_close(smooth[2], ANSWERS[2])
    torch.testing.assert_close(smooth[0], smooth[1][[1, 0, 2]])


@pytest.mark.parametrize("ties", TIE_MODELS)
def test_extreme_margins_stay_finite(ties):
    margin = torch.tensor([-1e4, 1e4], requires_grad=True)
    targets = torch.eye(3)[:2]
    loss = preference_loss(margin, torch.tensor(0.0), targets, ties=ties).sum()
    loss.backward()
    assert torch.isfinite(loss)
    assert margin.grad is not None
    assert torch.isfinite(margin.grad).all()
