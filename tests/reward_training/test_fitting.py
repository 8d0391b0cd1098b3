import json
from dataclasses import replace

import pytest
import torch

import reward_training
from data.errors import ConfigError, ImageError, RewardError
from data.records import Aspect, Choice
from data.snapshot import take_snapshot
from reward_training.config import ModelConfig
from reward_training.fitting import fit, fit_in_workspace
from reward_training.inputs.dataset import Comparisons, read_images
from reward_training.learning.training import Fitting
from reward_training.trust.metrics import choice_notes, measured_rows


def test_a_planted_preference_is_learned_from_random_weights(thorough_config, snapshot, tmp_path):
    result = fit(thorough_config, snapshot, out=tmp_path / "reward")
    assert result.metrics["held_out_accuracy"] >= 0.9
    assert result.metrics["held_out_accuracy"] > result.metrics["control_accuracy"]
    low, high = result.metrics["held_out_accuracy_interval"]
    assert low <= result.metrics["held_out_accuracy"] <= high
    reward = reward_training.load(result.path)
    grey = torch.linspace(0.15, 0.85, 5).view(5, 1, 1, 1).expand(5, 3, 16, 16)
    brighter = reward(grey, ["a bright boat"] * 5).diff()
    darker = reward(grey, ["a dark boat"] * 5).diff()
    assert brighter.mean() > 0 > darker.mean()


@pytest.mark.parametrize(
    "model",
    [
        ModelConfig(train="head", head="mlp"),
        ModelConfig(train="head", head="linear"),
        ModelConfig(head="mlp", ties="none"),
        ModelConfig(train="all", ties="rao_kupper"),
        ModelConfig(train="last", blocks=0.5),
        ModelConfig(train="lora", rank=2),
    ],
)
def test_every_kind_of_model_is_fitted_saved_and_opened(quick_config, snapshot, tmp_path, model):
    result = fit(replace(quick_config, model=model), snapshot, out=tmp_path / "reward")
    reward = reward_training.load(result.path)
    assert (reward.head_kind, reward.ties) == (model.head_of(1), model.ties)
    assert reward.snapshot == snapshot.hash == result.snapshot


def test_standardised_rewards_of_the_training_images(quick_config, workspace, snapshot, tmp_path):
    result = fit(quick_config, snapshot, out=tmp_path / "reward")
    reward = reward_training.load(result.path)
    comparisons = Comparisons.from_snapshot(snapshot, Aspect.OVERALL)
    images, prompts = comparisons.pictures()
    pixels = torch.stack(list(read_images(snapshot, comparisons.images)))[images]
    rewards = reward(pixels, [comparisons.prompts[row] for row in prompts.tolist()])
    torch.testing.assert_close(rewards.mean(), torch.tensor(0.0), atol=1e-3, rtol=0)
    torch.testing.assert_close(rewards.std(correction=0), torch.tensor(1.0), atol=1e-3, rtol=0)


def test_held_out_numbers_do_not_depend_on_the_refit(quick_config, snapshot, tmp_path):
    once = replace(quick_config, training=replace(quick_config.training, refit=False))
    refitted = fit(quick_config, snapshot, out=tmp_path / "refitted").metrics
    plain = fit(once, snapshot, out=tmp_path / "plain").metrics
    same = [name for name in refitted if name not in ("fit", "learned_from")]
    assert [refitted[name] for name in same] == [plain[name] for name in same]
    assert refitted["learned_from"]["prompts"] == 20
    assert plain["learned_from"]["prompts"] == 17
    weights = [
        reward_training.load(tmp_path / name).state_dict()["backbone.clip.text_projection"]
        for name in ("refitted", "plain")
    ]
    assert not torch.equal(*weights)


def test_cross_validation_holds_every_prompt_out_once(quick_config, snapshot, tmp_path):
    training = replace(quick_config.training, cross_validate=True)
    metrics = fit(replace(quick_config, training=training), snapshot, out=tmp_path / "r").metrics
    assert metrics["held_out_prompts"] == 20
    assert metrics["held_out_pairs"] + metrics["held_out_ties"] == 200
    (note,) = metrics["notes"]
    assert "training.num_updates 6 x batch_size 8 draws 48 of 200 comparisons" in note
    for groups in metrics["held_out_by"].values():
        assert sum(group["pairs"] for group in groups) == metrics["held_out_pairs"]
    assert metrics["calibration"]["measured_between"] == "folds"
    assert metrics["ceiling"] == {"person": None, "simulated": None}
    loaded = reward_training.load(tmp_path / "r")
    for number in ("temperature", "slips"):
        assert loaded.get_buffer(number) == pytest.approx(metrics["calibration"][number])


def test_a_fit_interrupted_in_its_refit_ends_in_the_same_bits(
    quick_config, snapshot, tmp_path, monkeypatch
):
    whole = fit(quick_config, snapshot, out=tmp_path / "whole")
    train = Fitting.train

    def stop_in_refit(self, comparisons, held_out, **settings):
        if held_out is None:
            raise KeyboardInterrupt
        return train(self, comparisons, held_out, **settings)

    monkeypatch.setattr(Fitting, "train", stop_in_refit)
    with pytest.raises(KeyboardInterrupt, match="is kept in"):
        fit(quick_config, snapshot, out=tmp_path / "parts")
    assert not (tmp_path / "parts").exists()
    monkeypatch.undo()
    parts = fit(quick_config, snapshot, out=tmp_path / "parts")
    assert parts.metrics == whole.metrics
    for name in ("model.safetensors", "metrics.json"):
        assert (parts.path / name).read_bytes() == (whole.path / name).read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["parts", "whole"]


def test_fitting_again_changes_nothing_and_other_comparisons_are_refused(
    quick_config, tmp_path, plant_workspace
):
    workspace = plant_workspace(tmp_path, pairs_per_prompt=2)
    first = fit_in_workspace(quick_config, workspace, round=3)
    written = (first.path / "model.safetensors").stat()
    assert fit_in_workspace(quick_config, workspace, round=3) == first
    assert (first.path / "model.safetensors").stat() == written
    (record,) = workspace.store().reward_models()
    assert set(first.metrics["held_out_by"]) - set(record.metrics["held_out_by"]) == {"rater"}
    assert (record.name, record.path, record.round) == ("quick", "rewards/quick", 3)
    assert record.snapshot == first.snapshot
    workspace.store().take_back(workspace.store().raters()[0].rater_id, 0, "undo")
    with pytest.raises(RewardError, match="another fit"):
        fit_in_workspace(quick_config, workspace)
    assert (first.path / "model.safetensors").stat() == written


def test_without_a_name_the_snapshot_names_it(quick_config, tmp_path, plant_workspace):
    workspace = plant_workspace(tmp_path, pairs_per_prompt=1)
    result = fit_in_workspace(replace(quick_config, name=""), workspace)
    assert result.name == f"reward-{result.snapshot[:8]}"
    assert result.path == workspace.rewards / result.name


def test_two_prompts_are_enough_and_said_to_be_few(quick_config, tmp_path, plant_workspace):
    workspace = plant_workspace(tmp_path, ("a bright dog", "a dark dog"), pairs_per_prompt=4)
    metrics = fit_in_workspace(quick_config, workspace).metrics
    assert metrics["held_out_accuracy_interval"] is None
    assert "1 of 2 prompts" in metrics["notes"][0]


def test_a_missing_image_is_named_and_leaves_nothing(quick_config, tmp_path, plant_workspace):
    workspace = plant_workspace(tmp_path, pairs_per_prompt=1)
    gone = take_snapshot(workspace).rows()[0].image_a
    workspace.image_path(gone).unlink()
    with pytest.raises(ImageError, match=gone):
        fit_in_workspace(quick_config, workspace)
    assert list(workspace.rewards.iterdir()) == []


def test_ties_alone_teach_nothing(quick_config, tmp_path, plant_workspace):
    workspace = plant_workspace(tmp_path, pairs_per_prompt=1, choose=lambda *_: Choice.TIE)
    with pytest.raises(RewardError, match="are ties"):
        fit_in_workspace(quick_config, workspace)


def test_what_is_learned_of_raters_is_told_and_not_part_of_the_model(
    quick_config, snapshot, tmp_path
):
    training = replace(quick_config.training, raters="learned", prompts="equal")
    result = fit(replace(quick_config, training=training), snapshot, out=tmp_path / "reward")
    (rater,) = {row.rater_id for row in snapshot.rows()}
    assert 0 < result.metrics["reliability"][rater] < 1
    assert rater not in json.dumps(result.metrics_on_record)
    assert not any("reliability" in name for name in reward_training.load(result.path).state_dict())


def test_excluded_raters_must_have_compared(quick_config, snapshot, tmp_path):
    (rater,) = {row.rater_id for row in snapshot.rows()}
    nobody = replace(quick_config, exclude_raters=("nobody",))
    with pytest.raises(RewardError, match=f"'nobody' compared; expected some of {rater}"):
        fit(nobody, snapshot, out=tmp_path / "reward")
    everybody = replace(quick_config, exclude_raters=(rater,))
    with pytest.raises(RewardError, match="no comparisons"):
        fit(everybody, snapshot, out=tmp_path / "reward")


def test_what_is_measured_is_of_pairs_that_chance_chose(snapshot):
    comparisons = Comparisons.from_snapshot(snapshot, Aspect.OVERALL)
    half = torch.arange(len(comparisons)) % 2 == 0
    some = replace(comparisons, by_chance=half)
    assert torch.equal(measured_rows(some), half.nonzero().squeeze(1))
    assert "whose pairs chance chose" in choice_notes(some)[0]
    none = replace(comparisons, by_chance=torch.zeros_like(half))
    assert torch.equal(measured_rows(none), torch.arange(len(none)))
    assert "say too little" in choice_notes(none)[0]
    assert choice_notes(comparisons) == []


def test_a_device_that_is_not_there_is_said_before_the_backbone_is_opened(
    quick_config, snapshot, tmp_path, monkeypatch
):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    training = replace(quick_config.training, device="cuda")
    config = replace(quick_config, backbone="nowhere", training=training)
    with pytest.raises(ConfigError, match="torch can use here, got cuda"):
        fit(config, snapshot, out=tmp_path / "reward")
