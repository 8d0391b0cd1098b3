import pytest
import torch

from rl_finetune import denoising
from rl_finetune.reference import (
    measure_kl,
    reference_predictions,
    rollout_kl,
    rollout_log_ratio,
)
from rl_finetune.rollout import collect, make_transitions
from rl_finetune.steps import ChosenSteps

SEEDS = [1, 2, 3]
CPU = torch.device("cpu")


@pytest.fixture
def rollout(policy, prompts, disturb):
    disturb(policy)
    return collect(
        policy,
        prompts,
        SEEDS,
        schedule=policy.schedule(4, 1.0),
        guidance=2.0,
        batch_size=2,
    )


def test_a_rollouts_images_are_the_policys_samples(policy, rollout, prompts):
    texts = [prompt.text for prompt in prompts]
    sampled = policy.sample(texts, SEEDS, num_steps=4, guidance=2.0, batch_size=2)
    assert torch.equal(rollout.images, sampled)
    assert rollout.latents.dtype == torch.float32


def test_images_can_share_their_pure_noise_and_nothing_else(policy, rollout, prompts):
    shared = collect(
        policy,
        [prompts[0]] * 3,
        SEEDS,
        schedule=rollout.schedule,
        guidance=2.0,
        batch_size=2,
        starts=[SEEDS[1]] * 3,
    )
    assert torch.equal(shared.latents[:, 0], rollout.latents[1:2, 0].expand(3, -1, -1, -1))
    assert torch.equal(shared.noise, rollout.noise)
    assert len(shared.images.flatten(1).unique(dim=0)) == 3


def test_the_recorded_log_prob_is_what_scoring_the_latents_gives(policy, rollout):
    for index in range(4):
        step = rollout.schedule.at(torch.full((3,), index), CPU)
        mean = denoising.mean(rollout.latents[:, index], rollout.predictions[:, index], step)
        scored = denoising.log_prob(rollout.latents[:, index + 1], mean, step)
        torch.testing.assert_close(rollout.log_prob()[:, index], scored, rtol=1e-4, atol=1e-2)


def test_transitions_are_the_chosen_steps_of_every_image(policy, rollout):
    chosen = ChosenSteps(
        trained=torch.tensor([[0], [1], [1]]),
        later=torch.tensor([[3], [2], [3]]),
        window_size=2,
        num_later=2,
    )
    reference = reference_predictions(policy, rollout, chosen.indices, batch_size=4)
    advantages = torch.tensor([[1.0, 9.0], [2.0, 9.0], [3.0, 9.0]])
    transitions = make_transitions(rollout, advantages, chosen, reference)
    assert transitions.indices.tolist() == [0, 3, 1, 2, 1, 3]
    assert transitions.advantages.tolist() == [1, 9, 2, 9, 3, 9]
    assert transitions.policy_weights.tolist() == [2, 0, 2, 0, 2, 0]
    assert transitions.kl_weights.tolist() == [2, 2, 2, 2, 2, 2]
    assert torch.equal(transitions.latents[3], rollout.latents[1, 2])
    assert torch.equal(transitions.noise[4], rollout.noise[2, 1])
    assert torch.equal(transitions.condition[5], rollout.condition[2])
    parts = list(transitions.split(4))
    assert [len(part) for part in parts] == [4, 2]
    assert torch.equal(parts[1].old_prediction, transitions.old_prediction[4:])
    assert torch.equal(parts[1].reference, reference.flatten(0, 1)[4:])


def test_reference_is_what_the_base_predicts(policy, rollout):
    chosen = torch.arange(4).expand(3, -1)
    reference = reference_predictions(policy, rollout, chosen, batch_size=5)
    with policy.reference(), torch.no_grad():
        expected = policy.predict(
            rollout.latents[:, 2],
            rollout.schedule.timesteps[torch.full((3,), 2)],
            rollout.condition,
            guidance=2.0,
        )
    torch.testing.assert_close(reference[:, 2], expected)
    kl = rollout_kl(rollout, chosen, reference)
    assert (kl > 0).all()
    torch.testing.assert_close(measure_kl(policy, rollout, batch_size=5), kl.sum(1))


def test_the_log_ratio_to_the_base_has_the_kl_as_its_mean(linear_policy, prompts):
    policy = linear_policy(bias=0.2)
    rollout = collect(
        policy,
        [prompts[0]] * 4000,
        list(range(4000)),
        schedule=policy.schedule(4, 1.0),
        guidance=1.0,
        batch_size=4000,
    )
    chosen = rollout.schedule.stochastic_steps.expand(4000, -1)
    reference = reference_predictions(policy, rollout, chosen, batch_size=8000)
    kl = rollout_kl(rollout, chosen, reference)
    log_ratio = rollout_log_ratio(rollout, chosen, reference)
    error = (log_ratio - kl).mean(0) / ((log_ratio - kl).std(0) / 4000**0.5)
    assert (error.abs() < 3.5).all(), error
