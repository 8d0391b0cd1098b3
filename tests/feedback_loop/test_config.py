"""Settings: what a workspace is told is kept as it was, and contradictions are refused."""

from dataclasses import replace
from pathlib import Path

import pytest

from data.config_file import dump_yaml, load_yaml
from data.errors import PolicyError
from data.prompts import load_prompt_set
from feedback_loop.config import GenerateConfig, LoopConfig, MeasureConfig, SimulatedConfig
from feedback_loop.loop import create_loop, open_loop
from feedback_loop.seeds import measure_seeds, pair_seed, round_seed
from rl_finetune.config import TuneConfig


def test_settings_survive_the_file(tmp_path, config):
    for settings in (LoopConfig(), config):
        dump_yaml(settings, tmp_path / "workspace.yaml")
        assert load_yaml(LoopConfig, tmp_path / "workspace.yaml") == settings


SHIPPED = sorted((Path(__file__).parents[2] / "configs" / "feedback_loop").glob("*.yaml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_settings_can_be_read_and_name_shipped_prompts(path):
    assert load_prompt_set(load_yaml(LoopConfig, path).prompt_set)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LoopConfig(tune=TuneConfig(reward="clip:x")), "tune.reward: expected none"),
        (lambda: LoopConfig(tune=TuneConfig(seed=3)), "tune.seed"),
        (lambda: LoopConfig(tune=TuneConfig(prompts="a.yaml")), "tune.prompts: expected none, got"),
        (lambda: LoopConfig(world="none"), "base: expected a folder or id"),
        (lambda: LoopConfig(seed=-1), "^seed: expected 0 or more, got -1"),
        (lambda: GenerateConfig(num_pairs=0), "^num_pairs: "),
        (lambda: SimulatedConfig(flip_rate=0.7), "^flip_rate: "),
        (lambda: MeasureConfig(num_images_per_prompt=1), "^num_images_per_prompt: "),
    ],
)
def test_contradictions_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("prompts", ["emoji", "mine.yaml", "folder/../mine.yaml"])
def test_the_prompt_set_may_be_named_twice(prompts):
    assert LoopConfig(prompt_set="mine.yaml", tune=TuneConfig(prompts=prompts)).tune


def test_a_prompt_set_that_was_named_twice_is_found_from_elsewhere(
    tmp_path, config, models, monkeypatch
):
    monkeypatch.chdir(models)
    tune = replace(config.tune, prompts="tiny.yaml")
    create_loop(tmp_path / "w", replace(config, prompt_set="tiny.yaml", tune=tune))
    monkeypatch.chdir(tmp_path)
    assert open_loop(tmp_path / "w").config == config


@pytest.mark.parametrize(
    ("base", "message"),
    [("models/sd/v1", "no such folder"), (".", "no model_index.json"), ("sd15", "no such folder")],
)
def test_a_workspace_is_not_made_for_a_model_that_is_not_there(
    base, message, tmp_path, config, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PolicyError, match=message):
        create_loop(tmp_path / "w", replace(config, base=base))
    assert not (tmp_path / "w").exists()
    assert create_loop(tmp_path / "w", replace(config, base="owner/on-the-hub")).config


def test_no_two_purposes_share_a_seed():
    configs = [replace(LoopConfig(), seed=seed) for seed in range(3)]
    measured = {seed for config in configs for seed in measure_seeds(config)}
    paired = {
        pair_seed(config, number, index)
        for config in configs
        for number in range(1, 4)
        for index in range(50)
    }
    assert not measured & paired
    assert len(paired) == 3 * 3 * 50
    assert min(measured | paired) >= 2**31, "tuning draws its seeds below"


def test_every_round_of_every_seed_has_a_seed_of_its_own():
    seeds = [round_seed(replace(LoopConfig(), seed=s), n) for s in range(5) for n in range(1, 50)]
    assert len(set(seeds)) == len(seeds)
