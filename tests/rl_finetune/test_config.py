import ast
import inspect
import itertools
from pathlib import Path

import pytest

from data.config_file import load_yaml
from data.strict_yaml import read_mapping, unstructure
from rl_finetune import config, dpok_config, supervised_config
from rl_finetune.config import (
    GalleryConfig,
    LoraConfig,
    OptimiserConfig,
    SamplingConfig,
    TuneConfig,
)
from rl_finetune.dpok_config import AdvantageConfig, DpokConfig

PRESETS = Path(config.__file__).parent / "presets"
KINDS = ("default", "paper", "parity")
NAMES = {f"{world}-{kind}" for world in ("emoji", "sd15") for kind in KINDS}


def test_each_world_has_each_preset():
    assert {path.stem for path in PRESETS.iterdir()} == NAMES


@pytest.mark.parametrize("name", sorted(NAMES))
def test_presets_load_and_say_only_what_differs(name):
    path = PRESETS / f"{name}.yaml"
    given, loaded = read_mapping(path), unstructure(load_yaml(TuneConfig, path))
    default = unstructure(TuneConfig())
    assert given
    for key, value in given.items():
        if isinstance(value, dict):
            same = [k for k in value if loaded[key][k] == default[key][k]]
            assert not same, f"{key}: {same} are the default"
        else:
            assert loaded[key] != default[key], key


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
        (DpokConfig, {"reward_weight": 0.0, "kl_in": "reward"}),
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


@pytest.mark.parametrize("module", [config, dpok_config, supervised_config])
def test_every_field_is_explained(module):
    """Sections need no words of their own: their classes have them."""
    for section in ast.parse(inspect.getsource(module)).body:
        if isinstance(section, ast.ClassDef):
            for field, after in itertools.pairwise(section.body):
                if isinstance(field, ast.AnnAssign) and "default_factory" not in ast.dump(field):
                    assert isinstance(after, ast.Expr), f"{section.name}.{field.target.id}"


def test_presets_of_the_released_code_and_the_paper_differ_in_its_departures_alone():
    """What method.md, section 4, lists: KL without w_t, hard clip, mean log-prob."""
    for world in ("emoji", "sd15"):
        paper, parity = (
            load_yaml(TuneConfig, PRESETS / f"{world}-{name}.yaml") for name in ("paper", "parity")
        )
        assert (paper.dpok.kl, paper.dpok.clip, paper.dpok.log_prob) == (
            "exact",
            "pessimistic",
            "sum",
        )
        assert (parity.dpok.kl, parity.dpok.clip, parity.dpok.log_prob) == (
            "unweighted",
            "hard",
            "mean",
        )
        for section in ("sampling", "advantage", "value", "lora"):
            assert getattr(paper, section) == getattr(parity, section), section
