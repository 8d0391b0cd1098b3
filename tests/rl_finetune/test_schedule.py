import itertools

import pytest
import torch
from diffusers import DDIMScheduler

from data.errors import PolicyError
from rl_finetune import denoising
from rl_finetune.schedule import make_schedule

CPU = torch.device("cpu")
CASES = list(
    itertools.product(
        ["epsilon", "v_prediction"],
        ["leading", "trailing", "linspace"],
        [0.0, 0.3, 1.0],
        [(True, 0), (False, 1)],
        [7, 10],
    )
)


@pytest.mark.parametrize(("kind", "spacing", "eta", "ending", "num_steps"), CASES)
def test_steps_are_those_of_ddim_scheduler(kind, spacing, eta, ending, num_steps):
    scheduler = DDIMScheduler(
        beta_schedule="scaled_linear",
        prediction_type=kind,
        timestep_spacing=spacing,
        set_alpha_to_one=ending[0],
        steps_offset=ending[1],
        clip_sample=False,
    )
    scheduler.set_timesteps(num_steps)
    schedule = make_schedule(scheduler.config, num_steps=num_steps, eta=eta)
    assert schedule.timesteps.tolist() == scheduler.timesteps.tolist()
    generator = torch.Generator().manual_seed(0)
    for index, timestep in enumerate(scheduler.timesteps):
        latents, prediction, noise = torch.randn(3, 2, 4, 3, 3, generator=generator)
        step = schedule.at(torch.full((2,), index), CPU)
        ours = denoising.sample(denoising.mean(latents, prediction, step), noise, step)
        theirs = scheduler.step(prediction, timestep, latents, eta=eta, variance_noise=noise)
        torch.testing.assert_close(ours, theirs.prev_sample, rtol=1e-5, atol=1e-5)


def test_steps_without_noise_are_not_trained():
    config = {"beta_schedule": "scaled_linear", "set_alpha_to_one": True}
    assert make_schedule(config, num_steps=5, eta=1.0).stochastic_steps.tolist() == [0, 1, 2, 3]
    assert make_schedule(config, num_steps=5, eta=0.0).stochastic_steps.tolist() == []


@pytest.mark.parametrize(
    ("config", "num_steps", "message"),
    [
        ({"prediction_type": "sample"}, 10, "prediction_type"),
        ({"thresholding": True}, 10, "thresholding"),
        ({"clip_sample": True}, 10, "clip_sample"),
        ({"_class_name": "FlowMatchEulerDiscreteScheduler"}, 10, "FlowMatch"),
        ({}, 1001, "1001"),
        ({"steps_offset": 1}, 1000, "one too many"),
    ],
)
def test_what_is_no_plain_ddim_is_refused(config, num_steps, message):
    with pytest.raises(PolicyError, match=message):
        make_schedule(config, num_steps=num_steps, eta=1.0)
