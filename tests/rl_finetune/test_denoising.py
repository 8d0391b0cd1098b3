import pytest
import torch
from torch.distributions import Normal

from rl_finetune import denoising
from rl_finetune.schedule import make_schedule

SD = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "steps_offset": 1,
    "set_alpha_to_one": False,
}
CPU = torch.device("cpu")


@pytest.fixture(params=["epsilon", "v_prediction"])
def step(request):
    schedule = make_schedule(SD | {"prediction_type": request.param}, num_steps=10, eta=0.8)
    return schedule.at(torch.tensor([0, 4, 9]), CPU)


def draw(*seeds):
    return [torch.randn(3, 4, 5, 6, generator=torch.Generator().manual_seed(s)) for s in seeds]


def test_log_prob_is_that_of_a_normal_distribution(step):
    latents, prediction, latents_prev = draw(0, 1, 2)
    mean = denoising.mean(latents, prediction, step)
    sigma = step.sigma[:, None, None, None]
    expected = Normal(mean, sigma).log_prob(latents_prev).flatten(1).sum(1)
    torch.testing.assert_close(denoising.log_prob(latents_prev, mean, step), expected)


def test_sampling_then_scoring_gives_the_log_prob_of_the_noise(step):
    latents, prediction, noise = draw(0, 1, 2)
    mean = denoising.mean(latents, prediction, step)
    scored = denoising.log_prob(denoising.sample(mean, noise, step), mean, step)
    torch.testing.assert_close(
        scored, denoising.log_prob_of_noise(noise, step), rtol=1e-5, atol=1e-3
    )


def test_noise_and_denoised_latents_make_the_latents(step):
    latents, prediction = draw(0, 1)
    denoised, noise = denoising.denoised_and_noise(latents, prediction, step)
    alpha = step.alpha[:, None, None, None]
    torch.testing.assert_close(alpha.sqrt() * denoised + (1 - alpha).sqrt() * noise, latents)


def test_gain_is_the_slope_of_the_mean(step):
    latents, prediction, other = (x.double() for x in draw(0, 1, 2))
    difference = denoising.mean(latents, prediction, step) - denoising.mean(latents, other, step)
    expected = step.gain[:, None, None, None] * (prediction - other)
    torch.testing.assert_close(difference, expected, rtol=1e-4, atol=1e-6)


def test_log_ratio_is_the_difference_of_log_probs(step):
    latents, old, change, noise = draw(0, 1, 2, 3)
    new = old + 0.1 * change
    old_mean, new_mean = (denoising.mean(latents, p, step) for p in (old, new))
    latents_prev = denoising.sample(old_mean, noise, step)
    expected = denoising.log_prob(latents_prev, new_mean, step) - denoising.log_prob(
        latents_prev, old_mean, step
    )
    torch.testing.assert_close(
        denoising.log_ratio(new, old, noise, step), expected, rtol=1e-3, atol=2e-2
    )
    assert denoising.log_ratio(old, old, noise, step).eq(0).all()


def test_kl_is_that_of_two_normal_distributions(step):
    latents, prediction, other = draw(0, 1, 2)
    reference = prediction + 0.05 * other
    sigma = step.sigma[:, None, None, None]
    ours, base = (Normal(denoising.mean(latents, p, step), sigma) for p in (prediction, reference))
    expected = torch.distributions.kl_divergence(ours, base).flatten(1).sum(1)
    torch.testing.assert_close(
        denoising.step_kl(prediction, reference, step), expected, rtol=1e-3, atol=1e-4
    )


def test_kl_and_its_gradient_are_those_of_monte_carlo(step):
    generator = torch.Generator().manual_seed(0)
    latents, prediction, other = (x[:, :, :2, :2] for x in draw(0, 1, 2))
    reference = prediction + 0.3 * other * (step.sigma / step.gain)[:, None, None, None]
    prediction = prediction.requires_grad_()
    exact = denoising.step_kl(prediction, reference, step)
    (exact_gradient,) = torch.autograd.grad(exact.sum(), prediction, retain_graph=True)

    num = 20_000
    mean, base = (denoising.mean(latents, p, step) for p in (prediction, reference))
    sigma = step.sigma[:, None, None, None]
    noise = torch.randn((num, *mean.shape), generator=generator)
    drawn = mean.detach() + sigma * noise
    log_p = Normal(mean, sigma).log_prob(drawn).sum((2, 3, 4))
    log_ratio = log_p - Normal(base.detach(), sigma).log_prob(drawn).sum((2, 3, 4))
    torch.testing.assert_close(log_ratio.mean(0), exact, rtol=0.1, atol=0.02)
    score_estimate = (log_ratio.detach() * log_p).mean(0).sum()
    (estimated,) = torch.autograd.grad(score_estimate, prediction)
    scale = exact_gradient.flatten(1).norm(dim=1)
    error = (estimated - exact_gradient).flatten(1).norm(dim=1) / scale
    assert (error < 0.15).all(), error


def test_kl_weights_of_stable_diffusion_are_the_known_ones():
    schedule = make_schedule(SD, num_steps=50, eta=1.0)
    weights = denoising.kl_weight(schedule.at(torch.arange(50), CPU))
    known = {981: 0.131, 741: 0.091, 481: 0.071, 241: 0.084, 41: 0.52, 21: 5.36, 1: 0.50}
    by_timestep = dict(zip(schedule.timesteps.tolist(), weights.tolist(), strict=True))
    for timestep, weight in known.items():
        assert by_timestep[timestep] == pytest.approx(weight, rel=0.01)
