import pytest
import torch

from rl_finetune.supervised import supervised_terms

REWARDS = torch.tensor([1.5, -0.5, -3.0])


def evaluate(objective, *, rewards=REWARDS, gamma=2.0, at_reference=False):
    draws = [torch.randn(3, 2, 3, 3, generator=torch.Generator().manual_seed(s)) for s in range(3)]
    prediction, target, reference = draws
    prediction = (reference if at_reference else prediction).clone().requires_grad_()
    terms = supervised_terms(
        prediction,
        target=target,
        reference=reference,
        rewards=rewards,
        objective=objective,
        gamma=gamma,
    )
    (gradient,) = torch.autograd.grad(terms.loss.sum(), prediction)
    return terms, gradient


@pytest.mark.parametrize(
    ("objective", "weights"),
    [
        ("supervised", [1.5, 0.0, 0.0]),
        ("supervised-kl-d", [3.5, 1.5, 0.0]),
        ("supervised-kl-o", [1.5, 0.0, 0.0]),
    ],
)
def test_an_image_weighs_what_its_reward_says_and_never_less_than_nothing(objective, weights):
    terms, gradient = evaluate(objective)
    assert terms.weight.tolist() == weights
    penalty = 2.0 * terms.penalty if objective == "supervised-kl-o" else torch.zeros(3)
    torch.testing.assert_close(terms.loss, terms.weight * terms.denoising + penalty)
    if objective != "supervised-kl-o":
        assert (gradient.flatten(1).abs().sum(1) > 0).tolist() == [w > 0 for w in weights]


@pytest.mark.parametrize("objective", ["supervised-kl-d", "supervised-kl-o"])
def test_without_gamma_all_are_the_plain_one(objective):
    plain = evaluate("supervised")[0].loss
    torch.testing.assert_close(evaluate(objective, gamma=0.0)[0].loss, plain)


def test_kl_d_is_a_constant_added_to_the_rewards():
    shifted = evaluate("supervised", rewards=REWARDS + 2.0)[1]
    torch.testing.assert_close(evaluate("supervised-kl-d")[1], shifted)


def test_kl_o_pulls_towards_the_base_and_rests_there():
    nothing = torch.zeros(3)
    assert evaluate("supervised-kl-o", rewards=nothing, at_reference=True)[1].abs().max() == 0
    terms, gradient = evaluate("supervised-kl-o", rewards=nothing)
    assert terms.penalty.min() > 0
    assert gradient.abs().min() > 0


def test_the_plain_loss_is_a_reward_weighted_log_likelihood():
    """Its gradient is that of -r log N(target; prediction, I / 2), per entry."""
    gradient = evaluate("supervised", rewards=REWARDS.abs())[1]
    draws = [torch.randn(3, 2, 3, 3, generator=torch.Generator().manual_seed(s)) for s in range(2)]
    prediction = draws[0].requires_grad_()
    log_prob = torch.distributions.Normal(prediction, 0.5**0.5).log_prob(draws[1])
    weighted = -(REWARDS.abs() * log_prob.flatten(1).mean(1)).sum()
    (expected,) = torch.autograd.grad(weighted, prediction)
    torch.testing.assert_close(gradient, expected)
