import math

import pytest
import torch

from rl_finetune import denoising
from rl_finetune.denoising import Step
from rl_finetune.dpok import dpok_terms, hard_loss, penalised_rewards, pessimistic_loss
from rl_finetune.dpok_config import DpokConfig

CLIP = 0.2


def make_step(num):
    alpha, alpha_prev = torch.full((num,), 0.5), torch.full((num,), 0.6)
    sigma = torch.full((num,), 0.3)
    return Step(
        alpha=alpha,
        alpha_prev=alpha_prev,
        sigma=sigma,
        gain=denoising.mean_gain(alpha, alpha_prev, sigma, "epsilon"),
        prediction_type="epsilon",
    )


def draw(num, *seeds):
    return [torch.randn(num, 2, 3, 3, generator=torch.Generator().manual_seed(s)) for s in seeds]


@pytest.mark.parametrize(
    ("nats", "advantage", "is_live"),
    [
        (0.3, 1.0, False),
        (0.3, -1.0, True),
        (-0.3, 1.0, True),
        (-0.3, -1.0, False),
        (0.1, 1.0, True),
    ],
)
def test_the_clip_is_pessimistic(nats, advantage, is_live):
    log_ratio = torch.tensor([nats], requires_grad=True)
    loss = pessimistic_loss(log_ratio, torch.tensor([advantage]), CLIP)
    loss.sum().backward()
    assert log_ratio.grad is not None
    assert (log_ratio.grad.item() != 0) == is_live
    clipped = min(max(nats, -CLIP), CLIP)
    expected = max(-advantage * math.exp(nats), -advantage * math.exp(clipped))
    assert loss.item() == pytest.approx(expected)


@pytest.mark.parametrize(("nats", "is_live"), [(0.3, False), (-0.3, False), (0.1, True)])
@pytest.mark.parametrize("advantage", [1.0, -1.0])
def test_the_hard_clip_has_no_way_back(nats, is_live, advantage):
    log_ratio = torch.tensor([nats], requires_grad=True)
    hard_loss(log_ratio, torch.tensor([advantage]), CLIP).sum().backward()
    assert log_ratio.grad is not None
    assert (log_ratio.grad.item() != 0) == is_live


def evaluate(prediction, old, noise, **config):
    return dpok_terms(
        prediction,
        old=old,
        reference=torch.zeros_like(prediction),
        noise=noise,
        step=make_step(len(prediction)),
        advantages=torch.tensor([1.0, -2.0]),
        policy_weights=torch.ones(2),
        kl_weights=torch.ones(2),
        config=DpokConfig(**config),
    )


def test_the_released_codes_ratio_is_that_of_the_mean_log_prob():
    prediction, noise = draw(2, 0, 2)
    old = prediction + 0.01 * draw(2, 1)[0]
    prediction.requires_grad_()
    loss = evaluate(prediction, old, noise, kl_weight=0.0, log_prob="mean").loss
    log_ratio = denoising.log_ratio(prediction, old, noise, make_step(2)) / 18
    torch.testing.assert_close(loss, -torch.tensor([1.0, -2.0]) * log_ratio.exp())
    # Its trust region is stated in nats of the whole step all the same.
    strict = evaluate(prediction, old, noise, kl_weight=0.0, log_prob="mean", clip_nats=1e-3)
    assert strict.is_clipped.all()
    assert (strict.loss + torch.tensor([1.0, -2.0])).abs().max() < 2.1e-3


def test_the_released_codes_kl_is_a_mean_squared_difference():
    prediction, noise = draw(2, 0, 2)
    terms = evaluate(
        prediction, prediction, noise, reward_weight=0.0, kl_weight=3.0, kl="unweighted"
    )
    torch.testing.assert_close(terms.loss, 3 * prediction.square().mean((1, 2, 3)))


def test_outside_a_hard_region_no_sample_is_live():
    prediction, noise = draw(2, 0, 2)
    old = prediction + draw(2, 1)[0]
    for clip, expected in (("hard", [False, False]), ("pessimistic", None)):
        terms = evaluate(prediction, old, noise, clip=clip, clip_nats=1e-6)
        assert terms.is_clipped.all()
        winning = terms.ratio.log() * torch.tensor([1.0, -2.0]) > 0
        assert terms.is_live.tolist() == (expected or (~winning).tolist())


def test_at_ratio_one_the_gradient_is_that_of_equation_9():
    prediction, reference, noise, latents = draw(3, 0, 1, 2, 3)
    prediction.requires_grad_()
    advantages = torch.tensor([1.0, -2.0, 0.5])
    config = DpokConfig(reward_weight=3.0, kl_weight=0.1)
    step = make_step(3)
    policy_weights, kl_weights = torch.tensor([2.0, 0.0, 1.0]), torch.tensor([1.0, 3.0, 0.5])
    terms = dpok_terms(
        prediction,
        old=prediction.detach(),
        reference=reference,
        noise=noise,
        step=step,
        advantages=advantages,
        policy_weights=policy_weights,
        kl_weights=kl_weights,
        config=config,
    )
    assert terms.ratio.eq(1).all()
    assert not terms.is_clipped.any()
    assert terms.is_live.all()
    (ours,) = torch.autograd.grad(terms.loss.sum(), prediction)

    mean = denoising.mean(latents, prediction, step)
    latents_prev = denoising.sample(mean.detach(), noise, step)
    log_prob = denoising.log_prob(latents_prev, mean, step)
    kl = denoising.step_kl(prediction, reference, step)
    equation_9 = (-3.0 * policy_weights * advantages * log_prob + 0.1 * kl_weights * kl).sum()
    (expected,) = torch.autograd.grad(equation_9, prediction)
    torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-5)


def test_no_kl_weight_and_kl_in_the_reward_leave_the_policy_gradient_alone():
    prediction, reference, noise = draw(2, 0, 1, 2)
    advantages, step = torch.tensor([1.0, -1.0]), make_step(2)
    without, in_reward = (
        dpok_terms(
            prediction,
            old=prediction,
            reference=reference,
            noise=noise,
            step=step,
            advantages=advantages,
            policy_weights=torch.ones(2),
            kl_weights=torch.ones(2),
            config=config,
        )
        for config in (
            DpokConfig(kl_weight=0.0),
            DpokConfig(kl_weight=0.5, kl_in="reward"),
        )
    )
    assert torch.equal(without.loss, in_reward.loss)
    assert torch.equal(without.loss, -advantages)


def test_the_kl_is_charged_to_the_reward():
    log_ratio = torch.tensor([[1.0, 2.0], [0.0, -1.0]])
    charged = penalised_rewards(torch.tensor([1.0, 1.0]), log_ratio, 0.25)
    torch.testing.assert_close(charged, torch.tensor([0.25, 1.25]))
