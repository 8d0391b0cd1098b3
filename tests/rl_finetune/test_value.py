from copy import deepcopy

import numpy as np
import pytest
import torch

from devices.processes import Processes
from rl_finetune.dpok_config import ValueConfig
from rl_finetune.rollout import collect
from rl_finetune.value import make_value_learner


@pytest.fixture
def rollout(policy, prompts):
    return collect(
        policy,
        prompts,
        [1, 2, 3],
        schedule=policy.schedule(4, 1.0),
        guidance=1.0,
        batch_size=3,
    )


def make_learner(**config):
    return make_value_learner(
        ValueConfig(**config),
        latent_shape=(4, 8, 8),
        num_features=16,
        num_steps=4,
        processes=Processes(),
        seed=0,
    )


def test_it_learns_what_each_state_leads_to(rollout):
    learner = make_learner(width=32, learning_rate=1e-2, num_updates=100)
    returns = torch.tensor([1.0, -2.0, 0.5])
    first = learner.fit(rollout, returns, np.random.default_rng(0))
    last = learner.fit(rollout, returns, np.random.default_rng(1))
    assert last < 0.1 * first
    chosen = torch.tensor([[0, 3], [1, 2], [2, 0]])
    values = learner.values(rollout, chosen)
    torch.testing.assert_close(values, returns[:, None].expand(3, 2), atol=0.2, rtol=0)


def test_a_value_depends_on_latents_step_and_prompt(rollout):
    function = make_learner().function
    latents, condition = rollout.latents[:1, 0], rollout.condition[:1]
    at = torch.tensor([0])
    here = function(latents, at, condition)
    with torch.no_grad():
        function.scales[0].weight[1] *= 2
    others = [
        function(latents + 1, at, condition),
        function(latents, at + 1, condition),
        function(latents, at, condition + 1),
    ]
    assert all(not torch.equal(here, other) for other in others)


def test_the_same_seed_gives_the_same_function_and_disturbs_no_generator():
    torch.manual_seed(3)
    state = torch.get_rng_state()
    one, other = (make_learner().function.state_dict() for _ in range(2))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_it_survives_saving(rollout):
    returns = torch.tensor([1.0, -2.0, 0.5])
    learner, again = make_learner(), make_learner()
    learner.fit(rollout, returns, np.random.default_rng(0))
    again.load_state_dict(deepcopy(learner.state_dict()))
    for each in (learner, again):
        each.fit(rollout, returns, np.random.default_rng(1))
    chosen = torch.arange(4).expand(3, -1)
    assert torch.equal(again.values(rollout, chosen), learner.values(rollout, chosen))
