"""Fits of two processes, as `accelerate launch` starts them, against one on the same data."""

import json
from dataclasses import replace

import pytest
import torch
from launching import launch_two
from safetensors.torch import load_file

from data.config_file import dump_yaml
from data.errors import RewardError
from data.snapshot import Snapshot
from reward_training.config import TrainingConfig
from reward_training.curve.measuring import measure_curve
from reward_training.fitting import fit_in_workspace


def configured(quick_config, **training):
    """Without contrast, whose rivals are those of a process's own part of a batch."""
    return replace(
        quick_config,
        name="mine",
        training=replace(quick_config.training, contrast=0.0, device="auto", **training),
    )


@pytest.mark.slow
def test_two_processes_measure_the_learning_curve_of_one(quick_config, plant_workspace, tmp_path):
    workspace = plant_workspace(tmp_path / "work", pairs_per_prompt=3)
    made = fit_in_workspace(configured(quick_config), workspace)
    command = ["-m", "reward_training.learning_curve", "--workspace", str(workspace.root)]
    told = launch_two([*command, "--num-sizes", "2"], tmp_path)
    assert told.stdout.count("learning curve: ") == 1
    assert not list(workspace.rewards.glob(".*")), "nothing half-done is left"
    written = made.path / "learning_curve.json"
    ours = json.loads(written.read_bytes())
    written.unlink()
    snapshot = Snapshot.open(workspace.snapshots / made.snapshot)
    theirs = measure_curve(made.path, snapshot, num_sizes=2, device="cpu")
    for our, their in zip(ours["points"], theirs["points"], strict=True):
        assert our["held_out_accuracy"] == pytest.approx(their["held_out_accuracy"], abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("trained", ["head", "all"])
def test_a_fit_of_two_processes_is_that_of_one_and_written_once(
    quick_config, plant_workspace, tmp_path, trained
):
    config = configured(quick_config, num_updates=6, evaluate_every=3)
    config = replace(config, model=replace(config.model, train=trained, head="mlp"))
    alone = fit_in_workspace(config, plant_workspace(tmp_path / "one", pairs_per_prompt=3))
    workspace = plant_workspace(tmp_path / "two", pairs_per_prompt=3)
    dump_yaml(replace(config, workspace=workspace.root), tmp_path / "fit.yaml")

    told = launch_two(["-m", "reward_training.fit", "fit.yaml"], tmp_path)
    assert told.stdout.count("reward model mine:") == 1
    assert [model.name for model in workspace.store().reward_models()] == ["mine"]
    ours = load_file(workspace.rewards / "mine" / "model.safetensors")
    theirs = load_file(alone.path / "model.safetensors")
    assert ours.keys() == theirs.keys()
    for name, weights in ours.items():
        torch.testing.assert_close(weights, theirs[name], rtol=1e-2, atol=1e-4)
    metrics = json.loads((workspace.rewards / "mine" / "metrics.json").read_bytes())
    for name in ("held_out_accuracy", "control_accuracy", "held_out_log_loss"):
        assert metrics[name] == pytest.approx(alone.metrics[name], abs=1e-3)
    assert not list(workspace.rewards.glob(".*")), "nothing half-done is left"


def test_a_batch_has_a_part_for_every_process():
    config = TrainingConfig(batch_size=6, num_parts=3)
    assert config.shared_by(1) == config
    assert config.shared_by(2) == replace(config, num_parts=4)
    with pytest.raises(RewardError, match="batch_size: expected at least 8 for 8 processes, got 6"):
        config.shared_by(8)
