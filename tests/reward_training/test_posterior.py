"""Laplace's approximation of the last layer, against what it must equal."""

import math
from dataclasses import replace

import pytest
import torch
from torch.nn import functional

import reward_training
from data.errors import RewardError
from reward_training.config import ModelConfig
from reward_training.fitting import fit
from reward_training.heads import make_head
from reward_training.learning.losses import outcome_log_probabilities
from reward_training.posterior import fit_posterior, information
from rl_finetune.rewards import open_reward

ZERO = torch.zeros((), dtype=torch.double)
TIES = ["none", "davidson", "rao_kupper"]


def random_pairs(num=40, width=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(num, 2, width, generator=generator)
    weights = torch.randn(width, generator=generator)
    return features, features @ weights, weights


@pytest.mark.parametrize("ties", TIES)
def test_information_is_the_expected_curvature_of_the_log_loss(ties):
    """Fisher's two forms agree: E[slope slope'] = -E[second derivative]."""
    tie, bar = ZERO + 0.4, ZERO - 0.3
    rewards = torch.randn(6, 2, dtype=torch.double, generator=torch.Generator().manual_seed(1))
    found = information(rewards, tie_logit=tie, bar=bar, ties=ties)
    for pair, told in zip(rewards, found, strict=True):

        def log_p(r):
            return outcome_log_probabilities(r[None], tie_logit=tie, bar=bar, ties=ties)[0]

        seconds = [
            torch.autograd.functional.hessian(lambda r, y=y: log_p(r)[y], pair)
            for y in range(len(log_p(pair)))
        ]
        curvature = -(log_p(pair).exp()[:, None, None] * torch.stack(seconds)).sum(0)
        torch.testing.assert_close(told, curvature)


def test_of_bradley_terry_it_is_p_times_one_minus_p_between_the_two():
    rewards = torch.tensor([[0.3, -0.4], [2.0, 2.0]], dtype=torch.double)
    p = torch.sigmoid(rewards[:, 0] - rewards[:, 1])
    sign = torch.tensor([[1.0, -1.0], [-1.0, 1.0]], dtype=torch.double)
    found = information(rewards, tie_logit=ZERO, bar=ZERO, ties="none")
    torch.testing.assert_close(found, (p * (1 - p))[:, None, None] * sign)


def test_the_covariance_inverts_the_losss_curvature_plus_the_prior():
    features, rewards, weights = random_pairs()
    told = [(features, rewards, torch.ones(len(rewards)))]
    found = fit_posterior(told, tie_logit=ZERO, bar=ZERO, ties="none").covariance
    directions = features[:, 0] - features[:, 1]

    def loss(w):
        return functional.softplus(-(directions @ w)).sum()

    prior = directions.square().sum(-1).mean() / (directions @ weights).square().mean()
    curvature = torch.autograd.functional.hessian(loss, weights)
    expected = torch.linalg.inv(curvature + prior * torch.eye(len(weights)))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_chunks_are_one_whole_and_more_comparisons_leave_less_open():
    features, rewards, _ = random_pairs()
    weight = torch.ones(len(rewards))
    told = {"tie_logit": ZERO, "bar": ZERO, "ties": "davidson"}
    whole = fit_posterior([(features, rewards, weight)], **told)
    parts = zip(features.split(7), rewards.split(7), weight.split(7), strict=True)
    torch.testing.assert_close(fit_posterior(parts, **told).covariance, whole.covariance)
    twice = fit_posterior([(features, rewards, 2 * weight)], **told)
    assert (twice.deviation(features[:, 0]) < whole.deviation(features[:, 0])).all()
    assert whole.deviation(whole.centre[None]) == 0


@pytest.mark.parametrize("width", [5, 40])
def test_a_sampled_posterior_has_the_deviation_that_is_said(width):
    features, rewards, _ = random_pairs(width=width)
    found = fit_posterior(
        [(features, rewards, torch.ones(len(rewards)))], tie_logit=ZERO, bar=ZERO, ties="davidson"
    )
    normal = torch.distributions.MultivariateNormal(torch.zeros(width), found.covariance)
    torch.manual_seed(0)
    drawn = normal.sample((20_000,)) @ (features[:, 0] - found.centre).T
    said = found.deviation(features[:, 0])
    torch.testing.assert_close(drawn.std(0), said, rtol=0.03, atol=0)


@pytest.mark.parametrize("kind", ["similarity", "linear", "mlp"])
def test_the_reward_is_its_last_features_times_the_last_weights(kind):
    generator = torch.Generator().manual_seed(0)
    head = make_head(kind, scale=7.0, embed_dim=6, generator=generator)
    for weight in head.parameters():
        weight.data = weight.data + 0.3 * torch.randn(weight.shape, generator=generator)
    image, text = functional.normalize(torch.randn(2, 9, 6, generator=generator), dim=-1)
    features = head.last_features(image, text)
    found = features @ head.last_weights(features.shape[-1])
    torch.testing.assert_close(found, head(image, text))


def test_a_saved_reward_knows_its_lower_bound_and_one_without_says_so(
    quick_config, snapshot, tmp_path
):
    config = replace(quick_config, model=ModelConfig(head="mlp"))
    folder = fit(config, snapshot, out=tmp_path / "reward").path
    reward = reward_training.load(folder)
    images = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    prompts = ["a bright dog"] * 3
    plain = open_reward(f"lower:0:{folder}")(images, prompts)
    torch.testing.assert_close(plain, reward(images, prompts))
    one, two = (plain - open_reward(f"lower:{k}:{folder}")(images, prompts) for k in (1, 2))
    assert (one > 0).all()
    torch.testing.assert_close(two, 2 * one)
    features = reward.head.last_features(*reward.backbone.encode_pairs(images, prompts))
    deviation = reward.posterior.deviation(features) / reward.get_buffer("reward_std")
    torch.testing.assert_close(one, deviation)
    reward.posterior_covariance = None
    with pytest.raises(RewardError, match="fit it anew"):
        _ = reward.posterior


def test_the_prior_expects_margins_as_large_as_they_are():
    """With one uninformative comparison, whose weight is zero, only the prior is left."""
    features, rewards, _ = random_pairs(num=1)
    found = fit_posterior(
        [(features, rewards, torch.zeros(1))], tie_logit=ZERO, bar=ZERO, ties="none"
    )
    margin = features[:, 0] - features[:, 1]
    said = found.deviation(found.centre + margin)
    assert said.item() == pytest.approx(math.fabs(float(rewards[0, 0] - rewards[0, 1])), rel=1e-4)
