"""The judge's verdicts as rewards that tuning can watch."""

import pytest
import torch

from emoji_world.assets import base_path
from emoji_world.judge import Judge
from rl_finetune.rewards import open_reward, score
from rl_finetune.stable_diffusion import StableDiffusionPolicy

PROMPT = "a dog"


@pytest.fixture(scope="module")
def images():
    """Six drawn images, of which some meet the prompt and some do not, and one of noise."""
    policy = StableDiffusionPolicy.open(str(base_path()))
    drawn = policy.sample([PROMPT] * 6, list(range(6)), num_steps=10, guidance=2.0, eta=1.0)
    noise = torch.rand(drawn[:1].shape, generator=torch.Generator().manual_seed(0))
    return torch.cat([drawn, noise])


def test_rewards_are_what_the_judge_says(images):
    prompts = [PROMPT] * len(images)
    verdicts = Judge.load().verdicts(images, prompts)
    met = score(open_reward("emoji_world.rewards:Alignment"), images, prompts)
    quality = score(open_reward("emoji_world.rewards:DrawingQuality"), images, prompts)
    assert met.tolist() == [float(verdict.met) for verdict in verdicts]
    torch.testing.assert_close(quality.tolist(), [verdict.quality for verdict in verdicts])
    assert 0 < met.mean() < 1
    assert (quality[-1] < quality[:-1]).all()


def test_a_prompt_that_the_judge_cannot_read_is_never_met(images):
    alignment = open_reward("emoji_world.rewards:Alignment")
    assert not score(alignment, images, ["a view of Delft"] * len(images)).any()
