"""A BLIP fitted to two questions: one pass reads a pair, and each output makes its own of it."""

from dataclasses import replace

import pytest
import torch

import reward_training
from data.records import Aspect
from data.snapshot import take_snapshot
from reward_training.combined import CombinedReward
from reward_training.config import ModelConfig
from reward_training.fit import summary_lines
from reward_training.fitting import fit
from reward_training.inputs.frozen_pairs import FrozenPairs
from reward_training.learning.checkpoint import Checkpoint
from reward_training.preparing import comparisons_of, prepare_fitting
from rl_finetune.rewards import open_reward

GREY = torch.linspace(0.15, 0.85, 5).view(5, 1, 1, 1).expand(5, 3, 16, 16)


@pytest.fixture(scope="session")
def both(two_questions):
    return take_snapshot(two_questions)


def test_both_outputs_are_learned_saved_opened_and_score(
    thorough_config, blip_folder, both, tmp_path
):
    config = replace(thorough_config, backbone=str(blip_folder))
    result = fit(config, both, out=tmp_path / "reward")
    assert result.metrics["control"] == "BLIP's matching score"
    for name, measured in result.metrics["outputs"].items():
        assert measured["held_out_accuracy"] >= 0.85, name
    said = [line for line in summary_lines(result.metrics) if "accuracy on" in line]
    assert all("untouched BLIP's matching score: " in line for line in said)
    assert [line.split(":")[0] for line in said] == ["alignment", "quality"]

    reward = reward_training.load(result.path)
    assert isinstance(reward, CombinedReward)
    dark = ["a dark boat"] * 5
    alignment, quality = (reward.outputs[name](GREY, dark) for name in ("alignment", "quality"))
    assert alignment[0] > alignment[-1]
    assert quality[0] < quality[-1]
    torch.testing.assert_close(reward(GREY, dark), (alignment + quality) / 2)
    assert torch.equal(open_reward(f"{result.path}@quality")(GREY, dark), quality)
    assert (open_reward(f"lower:1:{result.path}")(GREY, dark) < reward(GREY, dark)).all()


def test_with_heads_alone_each_pair_is_read_once_for_both_and_they_learn_as_if_alone(
    quick_config, blip_folder, both, tmp_path, monkeypatch
):
    read, read_pairs = [], FrozenPairs._read

    def remember(self, pairs):
        read.extend(pairs)
        return read_pairs(self, pairs)

    def trained(training, *aspects):
        told = replace(config, training=training)
        comparisons = comparisons_of(told, both, aspects)
        fitting = prepare_fitting(told, both, comparisons)
        checkpoint = Checkpoint(tmp_path / "-".join(aspects), "key")
        fitting.train(comparisons, None, num_updates=6, checkpoint=checkpoint)
        return fitting.reward.outputs

    config = replace(quick_config, backbone=str(blip_folder), model=ModelConfig(train="head"))
    monkeypatch.setattr(FrozenPairs, "_read", remember)
    outputs = trained(config.training, Aspect.ALIGNMENT, Aspect.QUALITY)
    assert len(read) == len(set(read)) > 400  # an image each for its prompt, and rivals
    for aspect, contrast in ((Aspect.ALIGNMENT, config.training.contrast), (Aspect.QUALITY, 0.0)):
        (alone,) = trained(replace(config.training, contrast=contrast), aspect).values()
        together = outputs[aspect].state_dict()
        assert all(torch.equal(together[name], w) for name, w in alone.state_dict().items())
        assert together["head.weight"].any()
