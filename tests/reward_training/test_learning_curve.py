"""The learning curve of a reward model, and that it goes on where it was stopped."""

import json
import sys
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from data.entry import run_command
from data.errors import RewardError
from data.records import Aspect
from data.snapshot import take_snapshot
from reward_training.curve.growing_parts import Part, PartFits, parts_of
from reward_training.curve.measuring import describe, measure_curve
from reward_training.fitting import fit, fit_in_workspace
from reward_training.inputs.dataset import Comparisons
from reward_training.inputs.outcomes import PREFERS_A, TIE
from reward_training.inputs.split import Fold
from reward_training.learning.selection import Selection
from reward_training.learning.training import Fitting
from reward_training.learning_curve import main


@pytest.fixture
def folder(quick_config, snapshot, tmp_path):
    return fit(quick_config, snapshot, out=tmp_path / "reward").path


def test_parts_grow_within_each_other_and_the_last_is_all():
    fold = Fold(train=torch.arange(0, 200, 2), held_out=torch.tensor([1, 3]))
    parts = parts_of(fold, 5, np.random.default_rng(0))
    assert [len(part) for part in parts] == [12, 25, 50, 100], "6 would be too few"
    for small, large in pairwise(parts):
        assert set(small.tolist()) < set(large.tolist())
    assert torch.equal(parts[-1], fold.train)
    few = Fold(train=torch.arange(5), held_out=torch.tensor([7]))
    assert [len(part) for part in parts_of(few, 5, np.random.default_rng(0))] == [5]


def test_the_last_point_is_the_fits_own_accuracy(folder, snapshot):
    metrics = json.loads((folder / "metrics.json").read_text())
    curve = measure_curve(folder, snapshot, num_sizes=3, device="cpu")
    assert len(curve["points"]) == 3
    last = curve["points"][-1]
    assert last["held_out_accuracy"] == pytest.approx(metrics["held_out_accuracy"])
    assert last["num_updates"] == metrics["num_updates"]
    assert curve["held_out_pairs"] == metrics["held_out_pairs"]
    assert (curve["gain_of_more"], curve["saturation"]) == (None, None)
    assert "a curve needs 4" in curve["unknown"]
    assert (folder / "learning_curve.png").read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in folder.parent.iterdir()] == ["reward"]


def test_pairs_that_were_chosen_because_they_are_hard_are_not_measured_on(snapshot):
    comparisons = Comparisons.from_snapshot(snapshot, Aspect.OVERALL)
    half = torch.arange(len(comparisons)) % 2 == 0
    # Right wherever chance chose the pair, wrong elsewhere.
    is_a = comparisons.outcome == PREFERS_A
    selection = Selection(
        num_updates=1,
        log_loss=1.0,
        held_out=replace(comparisons, by_chance=half),
        margins=torch.where(is_a == half, 1.0, -1.0),
        probability_a=torch.full((len(half),), 0.5),
        fold=torch.zeros(len(half), dtype=torch.long),
        curve=[],
    )
    parts = [Part(20.0, selection), Part(40.0, selection)]
    curve = describe(comparisons, parts, np.random.default_rng(0))
    assert [point["held_out_accuracy"] for point in curve["points"]] == [1, 1]
    decided = comparisons.outcome < TIE
    assert curve["held_out_pairs"] == (decided & half).sum()


def test_a_finished_curve_is_not_measured_again(folder, snapshot, monkeypatch):
    first = measure_curve(folder, snapshot, num_sizes=2, device="cpu")
    monkeypatch.setattr(Fitting, "train", None)
    assert measure_curve(folder, snapshot, num_sizes=2, device="cpu") == first


def test_a_curve_cut_short_goes_on_to_the_same_numbers(folder, snapshot, monkeypatch):
    whole = measure_curve(folder, snapshot, num_sizes=3, device="cpu")
    (folder / "learning_curve.json").unlink()
    train, sizes = Fitting.train, []

    def stop_at_the_last(self, comparisons, held_out, **settings):
        sizes.append(len(comparisons))
        if len(sizes) == 3:
            raise KeyboardInterrupt
        return train(self, comparisons, held_out, **settings)

    monkeypatch.setattr(Fitting, "train", stop_at_the_last)
    with pytest.raises(KeyboardInterrupt, match="is kept in"):
        measure_curve(folder, snapshot, num_sizes=3, device="cpu")
    assert not (folder / "learning_curve.json").exists()
    assert measure_curve(folder, snapshot, num_sizes=3, device="cpu") == whole
    assert len(sizes) == 4, "only what was missing was fitted"


def test_another_snapshot_is_refused(folder, plant_workspace, tmp_path):
    other = take_snapshot(plant_workspace(tmp_path / "other", pairs_per_prompt=2))
    with pytest.raises(RewardError, match="was fitted on snapshot"):
        measure_curve(folder, other, num_sizes=2)


def test_the_command_takes_the_newest_reward_of_a_workspace(
    quick_config, plant_workspace, tmp_path, monkeypatch, capsys
):
    workspace = plant_workspace(tmp_path, pairs_per_prompt=2)

    def command(*options):
        monkeypatch.setattr(sys, "argv", ["learning_curve", "--workspace", str(tmp_path), *options])
        with pytest.raises(SystemExit) as ended:
            run_command(main)
        said = capsys.readouterr()
        return ended.value.code, said.out, said.err

    assert command()[0] == 2
    fit_in_workspace(replace(quick_config, name="mine"), workspace)
    status, out, _ = command("--num-sizes", "2", "--device", "cpu")
    assert status == 0
    assert "40 simulated" in out
    assert "cannot be told" in out
    assert (workspace.rewards / "mine" / "learning_curve.json").is_file()
    status, _, err = command("--reward", "yours")
    assert status == 2
    assert "'yours'" in err


def test_one_checkpoint_is_kept_at_a_time(folder, snapshot, monkeypatch):
    seen = []
    looks_of = PartFits._looks

    def count(self, *arguments):
        seen.append(len(list(self.folder.glob("*.pt"))) if self.folder.exists() else 0)
        return looks_of(self, *arguments)

    monkeypatch.setattr(PartFits, "_looks", count)
    measure_curve(folder, snapshot, num_sizes=3, device="cpu")
    assert seen == [0, 0, 0]
