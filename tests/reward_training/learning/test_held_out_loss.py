"""What a fit is chosen by: the order within prompts, neither their level nor the scale."""

import pytest
import torch

from data.records import Aspect
from reward_training.inputs.dataset import Comparisons
from reward_training.inputs.outcomes import BOTH_BAD, PREFERS_A, PREFERS_B, TIE
from reward_training.learning.held_out_loss import _slopes, held_out_loss
from reward_training.learning.losses import cross_entropy, outcome_log_probabilities


@pytest.fixture
def reward(make_fitting):
    return make_fitting()[0].reward


@pytest.fixture
def comparisons(snapshot):
    """Return comparisons of which some are ties and some both bad."""
    all_of_them = Comparisons.from_snapshot(snapshot, Aspect.OVERALL)
    outcome = all_of_them.outcome.clone()
    outcome[::3], outcome[1::5] = TIE, BOTH_BAD
    return Comparisons(**(vars(all_of_them) | {"outcome": outcome}))


def rewards_of(comparisons, seed=0):
    """Return rewards that agree with the outcomes, more or less."""
    noise = torch.randn(len(comparisons), 2, generator=torch.Generator().manual_seed(seed))
    lead = {PREFERS_A: (2, 0), PREFERS_B: (0, 2), TIE: (2, 2), BOTH_BAD: (-1, -1)}
    return torch.tensor([lead[each] for each in comparisons.outcome.tolist()]) + noise


def test_the_level_of_a_prompt_does_not_matter(reward, comparisons):
    rewards = rewards_of(comparisons)
    moved = rewards + 3 * comparisons.prompt[:, None].float()
    here, there = (held_out_loss(reward, each, comparisons) for each in (rewards, moved))
    assert here == pytest.approx(there, abs=1e-4)


def test_the_scale_does_not_matter(reward, comparisons):
    rewards = rewards_of(comparisons)
    here, there = (held_out_loss(reward, each, comparisons) for each in (rewards, 5 * rewards))
    assert here == pytest.approx(there, abs=1e-4)


def test_the_order_within_a_prompt_does(reward, comparisons):
    rewards = rewards_of(comparisons)
    right, wrong = (held_out_loss(reward, each, comparisons) for each in (rewards, rewards.flip(1)))
    assert right < wrong - 0.1


def test_what_is_both_bad_must_lie_below_the_ties_of_its_prompt(reward, comparisons):
    rewards = rewards_of(comparisons)
    swapped = rewards.clone()
    for outcome, shift in ((TIE, -3.0), (BOTH_BAD, 3.0)):
        swapped[comparisons.outcome == outcome] += shift
    right, wrong = (held_out_loss(reward, each, comparisons) for each in (rewards, swapped))
    assert right < wrong - 0.1


def test_a_prompt_with_nothing_but_both_bad_stays_finite(reward, comparisons):
    comparisons.outcome[comparisons.prompt == 0] = BOTH_BAD
    assert 0 < held_out_loss(reward, rewards_of(comparisons), comparisons) < 5


@pytest.mark.parametrize("ties", ["none", "davidson", "rao_kupper"])
def test_slopes_are_those_of_the_loss(ties):
    generator = torch.Generator().manual_seed(0)
    rewards = torch.randn(30, 2, generator=generator, dtype=torch.double, requires_grad=True)
    targets = torch.rand(30, 4, generator=generator, dtype=torch.double)
    targets = targets / targets.sum(dim=1, keepdim=True)
    tie_logit, bar = torch.tensor(0.3, dtype=torch.double), torch.zeros((), dtype=torch.double)
    found = outcome_log_probabilities(rewards, tie_logit=tie_logit, bar=bar, ties=ties)
    (expected,) = torch.autograd.grad(cross_entropy(found, targets).sum(), rewards)
    torch.testing.assert_close(_slopes(found.detach(), targets, ties), expected)
