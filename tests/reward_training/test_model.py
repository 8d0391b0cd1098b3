import pytest
import torch

from reward_training.model import LearnedReward
from reward_training.published.similarity import clip_score
from reward_training.trust.calibration import Calibration

PROMPTS = ["a bright dog", "a dark cat", "a bright dog", "a dark star"]


@pytest.fixture(params=["similarity", "linear", "mlp"])
def reward(request, backbone):
    generator = torch.Generator().manual_seed(0)
    return LearnedReward(backbone, head=request.param, ties="davidson", generator=generator)


@pytest.fixture
def images():
    return torch.rand(4, 3, 24, 24, generator=torch.Generator().manual_seed(1))


def check_conforms(reward, images):
    """What every reward must do: one finite number per image, in order, without gradients."""
    rewards = reward(images, PROMPTS)
    assert rewards.shape == (4,)
    assert rewards.dtype == torch.float32
    assert not rewards.requires_grad
    assert torch.isfinite(rewards).all()
    order = [2, 0, 3, 1]
    shuffled = reward(images[order], [PROMPTS[place] for place in order])
    torch.testing.assert_close(shuffled, rewards[order])
    with pytest.raises(ValueError, match="prompt per image"):
        reward(images, PROMPTS[:2])


def test_a_learned_reward_conforms(reward, images):
    check_conforms(reward, images)


def test_the_control_conforms_and_is_a_hundred_cosines(clip_folder, images):
    control = clip_score(str(clip_folder))
    check_conforms(control, images)
    image, text = control.backbone.encode_pairs(images, PROMPTS)
    expected = 100 * torch.cosine_similarity(image, text)
    torch.testing.assert_close(control(images, PROMPTS), expected)


def test_an_unfitted_reward_is_proportional_to_clips_similarity(reward, images, clip_folder):
    control = clip_score(str(clip_folder))(images, PROMPTS) / 100
    scale = reward.backbone.similarity_scale
    torch.testing.assert_close(reward(images, PROMPTS), control * scale)


def test_raw_rewards_can_be_differentiated_to_the_image(reward, images):
    images.requires_grad_(True)
    reward.raw(images, PROMPTS).sum().backward()
    assert images.grad is not None
    assert (images.grad.abs().sum(dim=(1, 2, 3)) > 0).all()


def test_standardised_training_rewards_have_mean_zero_and_deviation_one(reward, images):
    reward.fit_standardisation(reward.raw(images, PROMPTS).detach())
    rewards = reward(images, PROMPTS)
    torch.testing.assert_close(rewards.mean(), torch.tensor(0.0), atol=1e-4, rtol=0)
    torch.testing.assert_close(rewards.std(correction=0), torch.tensor(1.0), atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("part", "frozen", "trained"),
    [
        ("head", ["backbone."], ["head.", "tie_logit", "bar"]),
        ("text", ["backbone.clip.visual."], ["backbone.clip.transformer.", "head."]),
        ("all", ["backbone.clip.logit_scale"], ["backbone.clip.visual.", "head."]),
    ],
)
def test_only_the_named_part_is_trained(reward, part, frozen, trained):
    reward.set_trained_part(part)
    names = set(reward.trained_parameters())
    assert not [name for name in names for prefix in frozen if name.startswith(prefix)]
    for prefix in trained:
        expected = {name for name, _ in reward.named_parameters() if name.startswith(prefix)}
        assert expected <= names


def test_probability_a_is_that_of_a_decided_pair(reward):
    margin = torch.tensor([-1.0, 0.0, 2.0])
    rewards = torch.stack([3 + margin, torch.full_like(margin, 3)], dim=1)
    torch.testing.assert_close(reward.probability_a(rewards), torch.sigmoid(margin))


def test_calibration_turns_margins_into_answers_and_leaves_rewards_and_ties_alone(reward, images):
    margin = torch.tensor([-1.0, 0.0, 2.0])
    rewards = torch.stack([3 + margin, torch.full_like(margin, 3)], dim=1)
    before = reward(images, PROMPTS), reward.log_probabilities(rewards)
    reward.set_calibration(Calibration(temperature=2.0, slips=0.2))
    answers = 0.1 + 0.8 * torch.sigmoid(margin / 2)
    torch.testing.assert_close(reward.probability_a(rewards), answers)
    assert torch.equal(reward(images, PROMPTS), before[0])
    assert torch.equal(reward.log_probabilities(rewards), before[1])
