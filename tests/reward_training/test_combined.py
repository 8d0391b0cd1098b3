import pytest
import torch

from reward_training.combined import CombinedReward
from reward_training.model import LearnedReward
from reward_training.posterior import Posterior
from reward_training.towers.backbone import TwoTowers

PROMPTS = ["a bright dog", "a dark cat", "a bright star"]
IMAGES = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def combined(backbone):
    """A reward of two outputs that are as uncertain as can be told apart."""
    outputs = {}
    for seed, name in enumerate(("alignment", "quality")):
        generator = torch.Generator().manual_seed(seed)
        output = LearnedReward(backbone, head="mlp", ties="davidson", generator=generator)
        width = output.head.last_features(*backbone.read(IMAGES, PROMPTS)).shape[1]
        output.posterior = Posterior((1 + seed) * 0.1 * torch.eye(width), torch.zeros(width))
        outputs[name] = output
    return CombinedReward(outputs, {"alignment": 0.7, "quality": 0.3})


@pytest.mark.parametrize("width", [0.0, 1.0])
def test_an_image_passes_through_the_backbone_once_for_both_outputs(combined, monkeypatch, width):
    passes, encode = [], TwoTowers.encode_raw_images

    def remember(self, images):
        passes.append(len(images))
        return encode(self, images)

    monkeypatch.setattr(TwoTowers, "encode_raw_images", remember)
    reward = combined(IMAGES, PROMPTS)
    bound = combined.lower_bound(IMAGES, PROMPTS, width)
    assert passes == [3, 3]
    assert torch.equal(bound, reward) if width == 0 else bool((bound < reward).all())
