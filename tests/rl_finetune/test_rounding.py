"""What a run in bf16 may ask for, and that the rounding is why."""

import dataclasses

import pytest

from data.config_file import load_yaml
from data.errors import ConfigError
from data.records import Prompt
from emoji_world.assets import base_path
from rl_finetune.config import OptimiserConfig, TuneConfig
from rl_finetune.dpok_config import DpokConfig
from rl_finetune.reference import measure_kl
from rl_finetune.rollout import collect
from rl_finetune.rounding import refuse_to_follow_rounding
from rl_finetune.run import PRESETS
from rl_finetune.session import open_session
from rl_finetune.stable_diffusion import StableDiffusionPolicy

FOLLOWS = {
    "optimiser.num_updates": {"optimiser": OptimiserConfig(num_updates=5)},
    "optimiser.num_passes": {"optimiser": OptimiserConfig(num_passes=2)},
    "dpok.target_kl": {"dpok": DpokConfig(target_kl=8.0)},
    "dpok.kl_in": {"dpok": DpokConfig(kl_in="reward")},
}


@pytest.mark.parametrize("name", FOLLOWS)
def test_what_follows_ratios_or_the_kl_is_refused_in_bf16(name, prompt_file):
    config = TuneConfig(precision="bf16", prompts=str(prompt_file), **FOLLOWS[name])
    with pytest.raises(ConfigError, match=rf"{name} is \S+, which .* set precision fp32, or"):
        open_session(config)
    refuse_to_follow_rounding(dataclasses.replace(config, precision="fp32"))
    refuse_to_follow_rounding(dataclasses.replace(config, objective="supervised"))


@pytest.mark.parametrize("preset", sorted(PRESETS.iterdir()), ids=lambda path: path.stem)
def test_no_preset_follows_rounding(preset):
    refuse_to_follow_rounding(load_yaml(TuneConfig, preset))


def test_the_kl_of_a_policy_beside_the_base_is_rounding_in_bf16(disturb):
    def kl_in(precision):
        policy = StableDiffusionPolicy.open(str(base_path()), rank=2, precision=precision)
        disturb(policy, scale=1e-6)
        rollout = collect(
            policy,
            [Prompt.new("a green rabbit")],
            [1],
            schedule=policy.schedule(4, 1.0),
            guidance=7.5,
            batch_size=1,
        )
        return measure_kl(policy, rollout, 4).item()

    assert kl_in("fp32") < 0.01
    assert kl_in("bf16") > 1
