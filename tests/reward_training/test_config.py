from pathlib import Path

import pytest

from data.config_file import dump_yaml, load_yaml
from reward_training.config import FitConfig, ModelConfig, TrainingConfig

CONFIGS = sorted((Path(__file__).parents[2] / "configs" / "reward_training").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_shipped_file_is_read_and_comes_back(path, tmp_path):
    config = load_yaml(FitConfig, path)
    dump_yaml(config, tmp_path / "copy.yaml")
    assert load_yaml(FitConfig, tmp_path / "copy.yaml") == config


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TrainingConfig(num_updates=0), "num_updates: expected at least 1, got 0"),
        (lambda: TrainingConfig(learning_rate=0.0), "learning_rate: expected more than 0"),
        (lambda: TrainingConfig(weight_decay=-1.0), "weight_decay: expected 0 or more"),
        (lambda: TrainingConfig(label_smoothing=0.5), "label_smoothing: expected 0 up to"),
        (lambda: TrainingConfig(seed=-1), "seed: expected 0 or more, got -1"),
        (lambda: ModelConfig(train="head", head="similarity"), "a scale alone"),
        (lambda: FitConfig(backbone="x", held_out_fraction=0.6), "held_out_fraction"),
        (lambda: FitConfig(backbone="x", snapshot=Path("s")), "out: expected a folder"),
    ],
)
def test_a_value_that_cannot_be_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
