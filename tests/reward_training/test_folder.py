import json
import shutil

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import reward_training
from data.config_file import load_yaml
from data.errors import RewardError
from reward_training.config import FitConfig
from reward_training.folder import load_reward, read_metrics, save_reward
from reward_training.model import LearnedReward
from reward_training.trust.calibration import Calibration

PROMPTS = ["a bright dog", "a dark cat"]


@pytest.fixture(params=["similarity", "linear", "mlp", "mlp on whitened texts"])
def reward(request, backbone):
    generator = torch.Generator().manual_seed(0)
    kind, _, whitened = request.param.partition(" on ")
    reward = LearnedReward(backbone, head=kind, ties="rao_kupper", generator=generator)
    if whitened:
        reward.head.texts.fit(torch.randn(5, backbone.embed_dim, generator=generator))
    with torch.no_grad():
        for parameter in reward.parameters():
            parameter.add_(0.01 * torch.randn(parameter.shape, generator=generator))
    reward.fit_standardisation(torch.tensor([1.0, 4.0, 2.0]))
    reward.name, reward.snapshot = "planted", "0123456789abcdef"
    return reward


@pytest.fixture
def folder(reward, quick_config, tmp_path):
    save_reward(tmp_path / "planted", reward, quick_config, {"held_out_accuracy": 0.9})
    return tmp_path / "planted"


def test_a_reward_comes_back_bit_for_bit(reward, folder):
    images = torch.rand(2, 3, 20, 20, generator=torch.Generator().manual_seed(0))
    opened = reward_training.load(folder)
    reward.requires_grad_(False)  # torch's attention takes another path where gradients are due
    assert torch.equal(opened(images, PROMPTS), reward(images, PROMPTS))
    assert (opened.name, opened.snapshot) == (reward.name, reward.snapshot)
    assert (opened.head_kind, opened.ties) == (reward.head_kind, reward.ties)
    assert not any(parameter.requires_grad for parameter in opened.parameters())


def test_a_temperature_comes_back_and_older_folders_have_none(reward, quick_config, tmp_path):
    margins = torch.tensor([[1.0, 0.0], [0.0, 3.0]])
    uncalibrated = reward.probability_a(margins)
    reward.set_calibration(Calibration(2.5, 0.1))
    save_reward(tmp_path / "planted", reward, quick_config, {})
    path = tmp_path / "planted" / "model.safetensors"
    opened = load_reward(path.parent)
    assert torch.equal(opened.probability_a(margins), reward.probability_a(margins))
    assert not torch.equal(opened.probability_a(margins), uncalibrated)
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    calibration = ("temperature", "slips")
    weights = {name: w for name, w in load_file(path).items() if name not in calibration}
    save_file(weights, path, metadata)
    assert torch.equal(load_reward(path.parent).probability_a(margins), uncalibrated)


def test_the_folder_needs_nothing_beside_it(folder, tmp_path):
    moved = tmp_path / "elsewhere" / "renamed"
    shutil.copytree(folder, moved)
    shutil.rmtree(folder)
    rewards = reward_training.load(str(moved))(torch.rand(2, 3, 16, 16), PROMPTS)
    assert torch.isfinite(rewards).all()
    assert all(
        tensor.dtype == torch.float32 for tensor in load_file(moved / "model.safetensors").values()
    )


def test_its_config_is_one_that_fit_reads(folder, quick_config):
    assert load_yaml(FitConfig, folder / "config.yaml") == quick_config
    assert read_metrics(folder) == {"held_out_accuracy": 0.9}


def test_saving_leaves_nothing_beside_the_folder(folder):
    assert [path.name for path in folder.parent.iterdir()] == ["planted"]


def test_a_saving_cut_short_is_no_hindrance(reward, quick_config, tmp_path):
    leftover = tmp_path / ".planted.writing"
    leftover.mkdir()
    (leftover / "model.safetensors").write_bytes(b"half")
    save_reward(tmp_path / "planted", reward, quick_config, {})
    assert load_reward(tmp_path / "planted").name == "planted"


def damage_missing(folder):
    shutil.rmtree(folder)


def damage_weights_gone(folder):
    (folder / "model.safetensors").unlink()


def damage_truncated(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def damage_not_safetensors(folder):
    (folder / "model.safetensors").write_bytes(b"pickle")


def damage_foreign(folder):
    save_file({"weight": torch.zeros(2)}, folder / "model.safetensors")


def damage_other_architecture(folder):
    path = folder / "backbone" / "open_clip_config.json"
    config = json.loads(path.read_text())
    config["model_cfg"]["vision_cfg"]["layers"] = 3
    path.write_text(json.dumps(config))


def damage_no_backbone(folder):
    shutil.rmtree(folder / "backbone")


@pytest.mark.parametrize(
    "damage",
    [
        damage_missing,
        damage_weights_gone,
        damage_truncated,
        damage_not_safetensors,
        damage_foreign,
        damage_other_architecture,
        damage_no_backbone,
    ],
)
def test_a_folder_that_cannot_be_opened_is_named_in_one_line(folder, damage):
    damage(folder)
    with pytest.raises(RewardError, match="expected") as caught:
        reward_training.load(folder)
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)


def test_unreadable_metrics_are_named(folder):
    (folder / "metrics.json").write_text("{")
    with pytest.raises(RewardError, match=r"metrics\.json"):
        read_metrics(folder)
