import dataclasses
from pathlib import Path

import pytest

from data.config_file import load_yaml
from rl_finetune.config import (
    GalleryConfig,
    LoraConfig,
    OptimiserConfig,
    SamplingConfig,
    TuneConfig,
)
from rl_finetune.dpok_config import AdvantageConfig, DpokConfig

CONFIGS = sorted((Path(__file__).parents[2] / "configs" / "rl_finetune").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_shipped_configs_load_and_say_only_what_differs(path):
    config = load_yaml(TuneConfig, path)
    assert config != TuneConfig()


@pytest.mark.parametrize(
    ("section", "values"),
    [
        (SamplingConfig, {"eta": 0.0}),
        (SamplingConfig, {"eta": 1.5}),
        (SamplingConfig, {"guidance": 0.5}),
        (SamplingConfig, {"num_steps": 0}),
        (LoraConfig, {"rank": 0}),
        (DpokConfig, {"clip_nats": 0.0}),
        (DpokConfig, {"kl_weight": -1.0}),
        (AdvantageConfig, {"window": 1}),
        (OptimiserConfig, {"learning_rate": 0.0}),
        (OptimiserConfig, {"final_rate": 1.5}),
        (GalleryConfig, {"every": 0}),
        (TuneConfig, {"iterations": 0}),
        (DpokConfig, {"window": 0.0}),
        (DpokConfig, {"num_kl_steps": 0}),
    ],
)
def test_impossible_values_are_refused_by_name(section, values):
    with pytest.raises(ValueError, match=next(iter(values))):
        section(**values)


def test_one_image_is_no_group():
    alone = SamplingConfig(num_images_per_prompt=1)
    TuneConfig(sampling=alone)
    with pytest.raises(ValueError, match="at least 2 with advantage"):
        TuneConfig(sampling=alone, advantage=AdvantageConfig(baseline="start"))


def test_every_field_is_explained():
    source = Path(TuneConfig.__module__.replace(".", "/") + ".py")
    lines = (Path(__file__).parents[2] / source).read_text().splitlines()
    sections = (
        GalleryConfig,
        LoraConfig,
        OptimiserConfig,
        SamplingConfig,
    )
    for section in sections:
        for field in dataclasses.fields(section):
            row = next(n for n, line in enumerate(lines) if line.startswith(f"    {field.name}:"))
            assert lines[row + 1].startswith('    """'), field.name
