import pytest
import torch
from diffusers import DDIMScheduler

from rl_finetune import denoising
from rl_finetune.noising import add_noise, training_target
from rl_finetune.schedule import make_schedule, training_alphas

CONFIG = {"beta_schedule": "scaled_linear", "set_alpha_to_one": False}


def draw(seed):
    return torch.randn(3, 2, 4, 4, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
def test_it_is_what_diffusers_adds_and_asks_for(kind):
    scheduler = DDIMScheduler.from_config(CONFIG | {"prediction_type": kind})
    alphas = training_alphas(CONFIG)
    levels, latents, noise = torch.tensor([0, 500, 999]), draw(0), draw(1)
    ours = add_noise(latents, noise, alphas[levels])
    torch.testing.assert_close(ours, scheduler.add_noise(latents, noise, levels))
    target = training_target(latents, noise, alphas[levels], kind)
    expected = noise if kind == "epsilon" else scheduler.get_velocity(latents, noise, levels)
    torch.testing.assert_close(target, expected)


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
def test_a_network_that_says_the_target_denoises_exactly(kind):
    schedule = make_schedule(CONFIG | {"prediction_type": kind}, num_steps=3, eta=1.0)
    step = schedule.at(torch.arange(3), torch.device("cpu"))
    latents, noise = draw(0), draw(1)
    noisy = add_noise(latents, noise, step.alpha)
    target = training_target(latents, noise, step.alpha, kind)
    denoised, found = denoising.denoised_and_noise(noisy, target, step)
    torch.testing.assert_close(denoised, latents, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(found, noise, rtol=1e-3, atol=1e-3)
