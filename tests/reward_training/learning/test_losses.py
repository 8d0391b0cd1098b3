import math
from functools import partial

import pytest
import torch

from reward_training.inputs.outcomes import BOTH_BAD, NUM_OUTCOMES, PREFERS_A, PREFERS_B, TIE
from reward_training.learning.losses import (
    contrast_loss,
    cross_entropy,
    outcome_log_probabilities,
    smooth_targets,
)

TIE_MODELS = ("none", "davidson", "rao_kupper")
MARGIN = torch.linspace(-8, 8, 33, dtype=torch.float64)
ANSWERS = torch.eye(NUM_OUTCOMES, dtype=torch.float64)


def number(value: float) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.float64)


def pairs(margin: torch.Tensor, mean: float = 0.0) -> torch.Tensor:
    """Rewards of two images with this margin and this mean."""
    return torch.stack([mean + margin / 2, mean - margin / 2], dim=-1)


outcomes = partial(outcome_log_probabilities, tie_logit=number(0.3), bar=number(-0.5))
without_both_bad = partial(outcome_log_probabilities, tie_logit=number(0.3), bar=number(-100.0))


def loss_of(rewards, targets, ties, **settings):
    return cross_entropy(outcomes(rewards, ties=ties, **settings), targets)


@pytest.mark.parametrize("ties", TIE_MODELS)
@pytest.mark.parametrize("value", [-3.0, 0.0, 2.0])
def test_probabilities_of_the_outcomes_sum_to_one(ties, value):
    found = outcomes(pairs(MARGIN), tie_logit=number(value), ties=ties)
    torch.testing.assert_close(found.exp().sum(dim=-1), torch.ones_like(MARGIN))


@pytest.mark.parametrize("ties", TIE_MODELS)
def test_swapping_the_images_swaps_their_probabilities(ties):
    forward, backward = outcomes(pairs(MARGIN), ties=ties), outcomes(pairs(-MARGIN), ties=ties)
    torch.testing.assert_close(forward[:, PREFERS_A], backward[:, PREFERS_B])
    torch.testing.assert_close(forward[:, TIE:], backward[:, TIE:])


@pytest.mark.parametrize("ties", TIE_MODELS)
def test_swapping_images_and_answer_leaves_loss_and_swaps_gradients(ties):
    rewards = torch.tensor([[0.4, -0.3]], dtype=torch.float64, requires_grad=True)
    swapped = rewards.detach().flip(1).requires_grad_(True)
    smooth = smooth_targets(ANSWERS, 0.1)
    loss = loss_of(rewards, smooth[[PREFERS_A]], ties)
    same = loss_of(swapped, smooth[[PREFERS_B]], ties)
    torch.testing.assert_close(loss, same)
    (gradient,) = torch.autograd.grad(loss.sum(), rewards)
    (other,) = torch.autograd.grad(same.sum(), swapped)
    torch.testing.assert_close(gradient, other.flip(1))


@pytest.mark.parametrize("ties", TIE_MODELS)
def test_adding_a_constant_to_rewards_and_bar_changes_nothing(ties):
    rewards = torch.randn(8, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    here = outcomes(rewards, ties=ties)
    torch.testing.assert_close(here, outcomes(rewards + 5, bar=number(4.5), ties=ties))


def test_without_ties_it_is_bradley_terry():
    loss = loss_of(pairs(MARGIN), ANSWERS[[PREFERS_A]].expand(33, -1), "none")
    torch.testing.assert_close(loss, -torch.sigmoid(MARGIN).log())


@pytest.mark.parametrize("ties", ["davidson", "rao_kupper"])
def test_tie_models_tend_to_bradley_terry_as_ties_vanish(ties):
    found = without_both_bad(pairs(MARGIN), tie_logit=number(-30.0), ties=ties)
    torch.testing.assert_close(found[:, PREFERS_A].exp(), torch.sigmoid(MARGIN))


def test_davidson_is_the_ratio_of_the_paper():
    strength_a, strength_b, nu = math.exp(1.2), math.exp(-0.4), math.exp(0.3)
    root = math.sqrt(strength_a * strength_b)
    ratio = torch.tensor([[strength_a, strength_b, nu * root, 0.0]], dtype=torch.float64)
    found = without_both_bad(pairs(number(1.6)[None]), ties="davidson").exp()
    torch.testing.assert_close(found, ratio / ratio.sum())


def test_both_bad_is_two_images_that_miss_the_bar():
    # Each misses it with odds exp(c - r); a tie, of two that do not, has nu.
    rewards = torch.tensor([[1.2, -0.4]], dtype=torch.float64)
    found = outcomes(rewards, ties="davidson").exp()[0]
    odds = (-0.5 - rewards[0]).exp()
    torch.testing.assert_close(found[BOTH_BAD] / found[TIE], odds.prod() / math.exp(0.3))


def test_two_bad_images_are_the_likelier_called_bad_the_worse_they_are():
    better, worse = (outcomes(pairs(MARGIN, mean), ties="davidson") for mean in (1.0, -1.0))
    assert (worse[:, BOTH_BAD] > better[:, BOTH_BAD]).all()
    # What else is said, given that something else is said, hangs on the margin alone.
    torch.testing.assert_close(*(each[:, :BOTH_BAD].log_softmax(-1) for each in (better, worse)))


def test_rao_kupper_is_the_ratio_of_the_paper():
    strength_a, strength_b = math.exp(1.2), math.exp(-0.4)
    theta = math.exp(math.log1p(math.exp(0.3)))
    first = strength_a / (strength_a + theta * strength_b)
    second = strength_b / (theta * strength_a + strength_b)
    expected = torch.tensor([[first, second, 1 - first - second]], dtype=torch.float64)
    found = outcomes(pairs(number(1.6)[None]), ties="rao_kupper").exp()
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("ties", TIE_MODELS)
def test_a_tie_pulls_rewards_together(ties):
    rewards = pairs(torch.tensor([2.0, -2.0], dtype=torch.float64)).requires_grad_(True)
    loss = loss_of(rewards, ANSWERS[[TIE]].expand(2, -1), ties)
    (gradient,) = torch.autograd.grad(loss.sum(), rewards)
    assert gradient[0, 0] > gradient[0, 1]
    assert gradient[1, 0] < gradient[1, 1]


def test_both_bad_pushes_both_rewards_down():
    rewards = pairs(torch.tensor([0.5, -0.5], dtype=torch.float64)).requires_grad_(True)
    loss = loss_of(rewards, ANSWERS[[BOTH_BAD]].expand(2, -1), "davidson")
    (gradient,) = torch.autograd.grad(loss.sum(), rewards)
    assert (gradient > 0).all()


@pytest.mark.parametrize("ties", ["none", "rao_kupper"])
def test_without_a_bar_both_bad_is_a_tie(ties):
    both = [
        loss_of(pairs(MARGIN), ANSWERS[[each]].expand(33, -1), ties) for each in (TIE, BOTH_BAD)
    ]
    torch.testing.assert_close(*both)


def test_soft_labels_are_mixtures_of_hard_ones():
    log_probabilities = outcomes(pairs(MARGIN[:1]), ties="davidson")
    share = torch.tensor([[0.5, 0.1, 0.3, 0.1]], dtype=torch.float64)
    each = cross_entropy(log_probabilities.expand(NUM_OUTCOMES, -1), ANSWERS)
    torch.testing.assert_close(cross_entropy(log_probabilities, share), (share @ each))


def test_smoothing_keeps_targets_distributions_and_ties_ties():
    smooth = smooth_targets(ANSWERS, 0.2)
    torch.testing.assert_close(smooth.sum(dim=-1), torch.ones(NUM_OUTCOMES, dtype=torch.float64))
    torch.testing.assert_close(smooth[TIE:], ANSWERS[TIE:])
    torch.testing.assert_close(smooth[PREFERS_A], smooth[PREFERS_B][[1, 0, 2, 3]])


@pytest.mark.parametrize("ties", TIE_MODELS)
def test_extreme_rewards_stay_finite(ties):
    rewards = torch.tensor([[-1e4, 1e4], [1e4, -1e4], [-1e4, -1e4]], requires_grad=True)
    zero = torch.tensor(0.0)
    found = outcome_log_probabilities(rewards, tie_logit=zero, bar=zero, ties=ties)
    loss = cross_entropy(found, torch.eye(NUM_OUTCOMES)[[PREFERS_A, PREFERS_B, BOTH_BAD]]).sum()
    loss.backward()
    assert torch.isfinite(loss)
    assert rewards.grad is not None
    assert torch.isfinite(rewards.grad).all()


OWN = torch.eye(3, dtype=torch.bool)


def test_contrast_is_the_log_loss_of_a_choice_among_the_liked_image_and_others():
    rewards = torch.tensor([[1.0, 0.2, -0.5], [0.0, 3.0, 0.4], [2.0, 1.0, 0.1]])
    liked = OWN & torch.tensor([[True], [False], [True]])
    choice = torch.distributions.Categorical
    expected = (
        -choice(logits=rewards[0]).log_prob(torch.tensor(0))
        - choice(logits=rewards[2]).log_prob(torch.tensor(2))
    ) / 2
    torch.testing.assert_close(contrast_loss(rewards, liking=liked.float(), is_own=OWN), expected)


def test_contrast_does_not_move_the_other_images_of_the_same_prompt():
    rewards = torch.zeros(2, 4, requires_grad=True)
    own = torch.tensor([[True, True, False, False], [False, False, True, True]])
    liked = torch.tensor([[True, False, False, False], [False, False, False, False]])
    contrast_loss(rewards, liking=liked.float(), is_own=own).backward()
    assert rewards.grad is not None
    assert rewards.grad[0].tolist() == pytest.approx([-2 / 3, 0, 1 / 3, 1 / 3])
    assert not rewards.grad[1].any()


def test_contrast_ignores_a_prompts_level_and_what_nobody_liked():
    rewards = torch.randn(3, 3, generator=torch.Generator().manual_seed(0))
    loss = contrast_loss(rewards, liking=OWN.float(), is_own=OWN)
    levels = torch.tensor([[5.0], [-2.0], [0.0]])
    torch.testing.assert_close(
        contrast_loss(rewards + levels, liking=OWN.float(), is_own=OWN), loss
    )
    assert contrast_loss(rewards, liking=torch.zeros(3, 3), is_own=OWN) == 0


def test_contrast_without_images_of_other_prompts_is_zero():
    alone = torch.ones(1, 2, dtype=torch.bool)
    assert contrast_loss(torch.randn(1, 2), liking=alone.float(), is_own=alone) == 0


def test_contrast_weighs_the_liked_by_their_liking():
    rewards = torch.tensor([[1.0, 0.2], [0.0, 3.0]])
    own = torch.eye(2, dtype=torch.bool)
    each = [contrast_loss(rewards, liking=own * row, is_own=own) for row in torch.eye(2)]
    both = contrast_loss(rewards, liking=torch.diag(torch.tensor([0.75, 0.25])), is_own=own)
    torch.testing.assert_close(both, 0.75 * each[0] + 0.25 * each[1])
