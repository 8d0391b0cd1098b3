"""Rounds whose reward reads a prompt together with the image: BLIP, from ImageReward's layout."""

import json
import math
from dataclasses import replace

import pytest
from published_layouts import write_blip, write_image_reward

from data.config_file import dump_yaml
from data.records import ChosenBy, Policy
from feedback_loop.__main__ import dispatch
from feedback_loop.config import FitSection, GenerateConfig, LoopConfig, MeasureConfig
from feedback_loop.fitting import fit_round
from feedback_loop.generate import generate
from feedback_loop.loop import create_loop, open_loop

WORDS = ("a", "red", "blue", "dog", "cat", "frog")


@pytest.mark.slow
def test_a_round_of_the_emoji_world_is_fitted_and_tuned_on_image_reward(tmp_path, config, capsys):
    checkpoint = write_image_reward(tmp_path / "models", WORDS)
    settings = LoopConfig(
        prompt_set=config.prompt_set,
        generate=GenerateConfig(num_pairs=48, num_images=32),
        fit=FitSection(
            backbone=f"image-reward:{checkpoint}",
            held_out_fraction=0.5,
            training=config.fit.training,
        ),
        tune=config.tune,
        measure=MeasureConfig(num_images_per_prompt=2),
    )
    dump_yaml(settings, tmp_path / "small.yaml")
    dispatch(["demo", str(tmp_path / "small.yaml"), "--workspace", str(tmp_path / "w")])
    assert "48 SIMULATED, 0 by people" in capsys.readouterr().out
    loop = open_loop(tmp_path / "w")
    assert loop.store.newest_policy().reward_model == "round-1"
    assert loop.store.reward_model("round-1").metrics["control"] == "ImageReward"
    summary = json.loads((loop.workspace.report / "summary.json").read_text())
    assert [policy["name"] for policy in summary["policies"]] == ["base", "round-1"]
    assert summary["reward_model"]["control_accuracy"] is not None
    assert summary["reward_model"]["clip_accuracy"] is None
    lines = (loop.workspace.report / "measurements.jsonl").read_text().splitlines()
    measured = [json.loads(line) for line in lines]
    for name in ("reward", "clip", "distance"):
        values = [image[name] for image in measured if name in image]
        assert values
        assert all(math.isfinite(value) for value in values)
        assert len(set(values)) > 1
    dispatch(["check-reward", str(loop.workspace.rewards / "round-1")])
    said = capsys.readouterr().out.splitlines()
    assert len(said) > 5
    assert all(line.startswith("ok ") for line in said)


def test_the_next_pairs_are_chosen_by_what_it_knows_least(tmp_path, config, compare):
    told = replace(config.generate, choose=ChosenBy.INFORMATION, num_pairs=16)
    fit = replace(config.fit, backbone=str(write_blip(tmp_path / "blip", WORDS)))
    loop = create_loop(tmp_path / "workspace", replace(config, generate=told, fit=fit))
    generate(loop, 1)
    compare(loop, 1)
    fit_round(loop, 1)
    base = loop.store.policy("base").base
    loop.store.add_policy(Policy(name="round-1", base=base, parent="base", round=1))
    assert generate(loop, 2)["chosen_by"] == "information"
    chosen = [pair for pair in loop.store.pairs(2) if pair.chosen_by is ChosenBy.INFORMATION]
    assert len(chosen) == 12
    assert len({pair.propensity for pair in chosen}) > 1


def test_a_checkpoint_is_found_from_wherever_the_next_command_is_run(tmp_path, config, monkeypatch):
    checkpoint = write_image_reward(tmp_path / "models", WORDS)
    monkeypatch.chdir(tmp_path)
    fit = replace(config.fit, backbone="image-reward:models/ImageReward.pt")
    loop = create_loop(tmp_path / "workspace", replace(config, fit=fit))
    assert loop.config.fit.backbone == f"image-reward:{checkpoint}"
