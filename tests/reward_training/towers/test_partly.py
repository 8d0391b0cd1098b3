"""Which weights a partly trained backbone learns, and that merged adapters are what they were."""

from dataclasses import replace

import pytest
import torch

from reward_training.learning.checkpoint import Checkpoint
from reward_training.model import LearnedReward
from reward_training.towers.backbones import open_backbone
from reward_training.towers.partly import add_adapters, last_blocks, merge_adapters


def make_reward(backbone):
    return LearnedReward(
        backbone, head="similarity", ties="davidson", generator=torch.Generator().manual_seed(0)
    )


def names_of(backbone, weights):
    chosen = {id(weight) for weight in weights}
    return {name for name, weight in backbone.named_parameters() if id(weight) in chosen}


@pytest.mark.parametrize("share", [0.3, 0.5, 1])
def test_the_last_of_two_blocks_and_what_comes_after_it(backbone, share):
    names = names_of(backbone, last_blocks(backbone, share))
    assert any(name.startswith("clip.visual.transformer.resblocks.1.") for name in names)
    assert any(name.startswith("clip.transformer.resblocks.1.") for name in names)
    assert {"clip.visual.proj", "clip.text_projection", "clip.visual.ln_post.weight"} <= names
    assert not any(".resblocks.0." in name or "embedding" in name for name in names)
    assert not any("conv1" in name or "ln_pre" in name for name in names)


def test_all_blocks_still_leave_the_embeddings(backbone):
    names = names_of(backbone, last_blocks(backbone, 12))
    assert any(".resblocks.0." in name for name in names)
    assert not any("embedding" in name or "conv1" in name for name in names)


def test_fresh_adapters_change_nothing_and_alone_learn(backbone, clip_folder):
    reward, plain = make_reward(backbone), make_reward(open_backbone(str(clip_folder)))
    reward.set_trained_part("lora", rank=2)
    images = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    prompts = ["a bright dog", "a dark cat", "a bright boat"]
    torch.testing.assert_close(reward(images, prompts), plain(images, prompts))
    towers = {name for name in reward.trained_parameters() if name.startswith("backbone.")}
    assert towers
    assert all("parametrizations" in name and "original" not in name for name in towers)
    assert any(".visual." in name for name in towers)
    assert any("visual" not in name for name in towers)


def test_merged_adapters_give_the_same_rewards_with_the_plain_architecture(backbone, clip_folder):
    reward = make_reward(backbone)
    plain = set(reward.state_dict())
    reward.set_trained_part("lora", rank=2)
    generator = torch.Generator().manual_seed(1)
    for name, weight in reward.trained_parameters().items():
        if "parametrizations" in name and "original" not in name:
            weight.data = torch.randn(weight.shape, generator=generator) * 0.3
    images = torch.rand(2, 3, 16, 16, generator=generator)
    before = reward(images, ["a bright dog", "a dark cat"])
    untouched = make_reward(open_backbone(str(clip_folder)))(images, ["a bright dog", "a dark cat"])
    assert not torch.allclose(before, untouched, atol=1e-3)
    merge_adapters(reward.backbone)
    assert set(reward.state_dict()) == plain
    torch.testing.assert_close(reward(images, ["a bright dog", "a dark cat"]), before)


def test_the_same_seed_makes_the_same_adapters(clip_folder):
    def weights(seed):
        backbone = open_backbone(str(clip_folder))
        add_adapters(backbone, 2, torch.Generator().manual_seed(seed))
        return torch.cat([w.flatten() for n, w in backbone.named_parameters() if ".first" in n])

    assert torch.equal(weights(3), weights(3))
    assert not torch.equal(weights(3), weights(4))


@pytest.mark.parametrize("part", ["last", "lora"])
def test_a_few_updates_move_only_the_named_part_and_lower_the_loss(make_fitting, tmp_path, part):
    fitting, train, _ = make_fitting(part)
    fitting = replace(fitting, config=replace(fitting.config, learning_rate=2e-3))
    frozen = {
        name: weight.clone()
        for name, weight in fitting.reward.named_parameters()
        if not weight.requires_grad
    }
    before = fitting.loss(train).item()
    fitting.train(train, None, num_updates=30, checkpoint=Checkpoint(tmp_path / "a.pt", "key"))
    assert fitting.loss(train).item() < before
    now = dict(fitting.reward.named_parameters())
    assert all(torch.equal(now[name], weight) for name, weight in frozen.items())
