import dataclasses
import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from data.config_file import load_yaml
from data.errors import ConfigError, PolicyError, PromptError, RewardError
from rl_finetune.adapter import ADAPTER_FILE
from rl_finetune.config import (
    GalleryConfig,
    LoraConfig,
    OptimiserConfig,
    SamplingConfig,
    TuneConfig,
)
from rl_finetune.dpok_config import AdvantageConfig, DpokConfig, ValueConfig
from rl_finetune.metrics import DpokMetrics, MetricsFile
from rl_finetune.train import TrainingDiverged, tune

REWARDS = """
import numpy as np
import torch

def redness(images, prompts):
    return (images[:, 0] - images[:, 1]).mean((1, 2))

def noisy(images, prompts):
    # Not from `random`, which the type checks of the tests draw from as well.
    noise = torch.rand(len(images)) + np.random.rand()
    return redness(images, prompts) + 0.01 * noise

class BreaksInTheThirdIteration:
    calls = 0

    def __call__(self, images, prompts):
        self.calls += 1
        return redness(images, prompts) / (0 if self.calls == 3 else 1)
"""


@pytest.fixture(autouse=True)
def _rewards(tmp_path, monkeypatch):
    (tmp_path / "rewards_of_mine.py").write_text(REWARDS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(__import__("sys").modules, "rewards_of_mine", raising=False)


@pytest.fixture
def config(base, prompt_file):
    return TuneConfig(
        policy=str(base),
        reward="rewards_of_mine:noisy",
        prompts=str(prompt_file),
        iterations=4,
        sampling=SamplingConfig(num_steps=3, num_prompts=2, num_images_per_prompt=2),
        lora=LoraConfig(rank=1),
        dpok=DpokConfig(window=0.67),
        optimiser=OptimiserConfig(num_updates=2),
        gallery=GalleryConfig(every=3, num_prompts=2, num_images_per_prompt=3),
    )


def run(config, out, **options):
    return tune(config, out=Path(out), progress=False, **options)


def without_seconds(records):
    zero = {"seconds_sample": 0.0, "seconds_score": 0.0, "seconds_update": 0.0}
    return [dataclasses.replace(record, **zero) for record in records]


def test_a_run_leaves_everything_about_it(config):
    result = run(config, "run")
    folder = result.folder
    assert [record.iteration for record in result.iterations] == [1, 2, 3, 4]
    assert result.iterations[-1].num_images == 16
    assert result.iterations[0].kl == pytest.approx(0, abs=1e-6)
    assert result.iterations[-1].kl > 0
    assert sorted(p.name for p in (folder / "samples").iterdir()) == [
        "000000.png",
        "000003.png",
        "000004.png",
    ]
    with Image.open(folder / "samples" / "000004.png") as grid:
        assert grid.size == (3 * 16 + 2 * 2, 2 * 16 + 2)
    assert sorted(p.name for p in (folder / "checkpoints").iterdir()) == ["000003", "000004"]
    assert (result.adapter / ADAPTER_FILE).is_file()
    assert config.policy in (result.adapter / "README.md").read_text()
    assert "torch" in json.loads((folder / "environment.json").read_text())["packages"]


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"train": "unet"},
        {
            "dpok": DpokConfig(window=0.67, target_kl=1e-3),
            "advantage": AdvantageConfig(baseline="value"),
        },
    ],
)
def test_resuming_gives_the_uninterrupted_run_bit_for_bit(config, change):
    config = dataclasses.replace(config, **change)
    whole = run(config, "whole")
    run(dataclasses.replace(config, iterations=2), "stopped")
    torch.manual_seed(99)
    with Path("stopped/metrics.jsonl").open("a") as file:
        file.write('{"iteration": 3, "cut": ')
    resumed = run(config, "stopped", resume=True)
    assert resumed.adapter_sha256 == whole.adapter_sha256
    assert without_seconds(resumed.iterations) == without_seconds(whole.iterations)
    again = run(config, "stopped", resume=True)
    assert again == resumed


def test_a_run_goes_on_with_less_memory(config):
    whole = run(config, "whole")
    run(dataclasses.replace(config, iterations=2), "short")
    frugal = dataclasses.replace(
        config,
        gradient_checkpointing=True,
        sampling=dataclasses.replace(config.sampling, batch_size=2),
        optimiser=dataclasses.replace(config.optimiser, batch_size=3),
    )
    resumed = run(frugal, "short", resume=True)
    assert load_yaml(TuneConfig, Path("short/config.yaml")) == frugal
    before, after = (load_file(each.adapter / ADAPTER_FILE) for each in (whole, resumed))
    for name, weights in before.items():
        torch.testing.assert_close(after[name], weights, rtol=1e-3, atol=1e-5)


def test_iterations_after_the_checkpoint_are_not_doubled(config):
    config = dataclasses.replace(config, reward="rewards_of_mine:BreaksInTheThirdIteration")
    config = dataclasses.replace(config, checkpoint_every=5)
    with pytest.raises(RewardError, match=r"iteration 3: .*there is no checkpoint yet"):
        run(config, "run")
    assert len(MetricsFile(Path("run/metrics.jsonl"), DpokMetrics).read()) == 2
    with pytest.raises(RewardError, match="iteration 3"):
        run(config, "run", resume=True)
    assert len(MetricsFile(Path("run/metrics.jsonl"), DpokMetrics).read()) == 2


def test_a_reward_that_breaks_names_iteration_and_checkpoint(config):
    config = dataclasses.replace(config, reward="rewards_of_mine:BreaksInTheThirdIteration")
    with pytest.raises(RewardError, match=r"iteration 3: the reward is .* run/checkpoints/000002"):
        run(config, "run")


def test_a_loss_that_is_not_finite_stops_the_run(config):
    dpok = DpokConfig(window=1.0, reward_weight=1e38)
    with pytest.raises(TrainingDiverged, match=r"iteration 1: the loss is .*no checkpoint yet"):
        run(dataclasses.replace(config, dpok=dpok), "run")


def test_the_kl_can_be_charged_to_the_reward(config):
    dpok = DpokConfig(window=1.0, num_train_steps=2, kl_in="reward", kl_weight=1.0)
    result = run(dataclasses.replace(config, dpok=dpok), "run")
    assert result.iterations[-1].kl > 0


def test_a_target_steers_the_weight_of_the_kl(config):
    dpok = DpokConfig(window=0.67, target_kl=1e6)
    records = run(dataclasses.replace(config, dpok=dpok), "run").iterations
    weights = [record.kl_weight for record in records]
    assert weights[0] == dpok.kl_weight
    assert weights == sorted(weights, reverse=True)
    assert weights[-1] < weights[0]


def test_a_value_function_learns_beside_the_policy(config):
    changed = dataclasses.replace(
        config,
        advantage=AdvantageConfig(baseline="value", scale="none"),
        value=ValueConfig(width=8, learning_rate=1e-2, num_updates=20),
    )
    records = run(changed, "run").iterations
    errors = [record.value_loss for record in records]
    assert errors[-1] < errors[0]
    assert run(config, "without").iterations[0].value_loss is None


def test_compiling_changes_nothing_but_the_time(config):
    """What torch makes of the UNet is torch's; a compiler takes minutes on a CPU, so it is off."""
    plain = run(config, "plain")
    with torch.compiler.set_stance("force_eager"):
        compiled = run(dataclasses.replace(config, compile=True), "compiled")
    assert compiled.adapter_sha256 == plain.adapter_sha256


def test_what_predicts_for_the_base_is_compiled_too(config, monkeypatch):
    networks = []

    def compiled(network):
        networks.append(network)

    monkeypatch.setattr(torch.nn.Module, "compile", compiled)
    for train, number in (("lora", 1), ("unet", 2)):
        networks.clear()
        run(dataclasses.replace(config, compile=True, train=train, iterations=1), train)
        assert len({id(network) for network in networks}) == len(networks) == number


def test_a_run_continues_from_an_adapter(config):
    first = run(config, "first")
    second = run(dataclasses.replace(config, adapter=str(first.adapter)), "second")
    assert second.iterations[0].kl > 0
    assert "first/adapter" in (second.adapter / "README.md").read_text()


def test_tuning_raises_the_reward(base, tmp_path, prompt_file):
    """On a model whose attention is made strong enough for random weights to matter."""
    strong = tmp_path / "strong"
    strong.mkdir()
    for part in base.iterdir():
        if part.name != "unet":
            (strong / part.name).symlink_to(part)
    (strong / "unet").mkdir()
    (strong / "unet" / "config.json").symlink_to(base / "unet" / "config.json")
    name = "diffusion_pytorch_model.safetensors"
    weights = load_file(base / "unet" / name)
    boosted = {n: 5 * w if "to_v" in n or "to_out" in n else w for n, w in weights.items()}
    save_file(boosted, strong / "unet" / name, metadata={"format": "pt"})
    config = TuneConfig(
        policy=str(strong),
        reward="rewards_of_mine:redness",
        prompts=str(prompt_file),
        iterations=8,
        sampling=SamplingConfig(num_steps=3, guidance=1.0, num_prompts=1, num_images_per_prompt=48),
        lora=LoraConfig(rank=1),
        dpok=DpokConfig(window=1.0, kl_weight=0.0),
        optimiser=OptimiserConfig(learning_rate=2e-2, num_updates=1, batch_size=144),
        gallery=GalleryConfig(every=100, num_prompts=1, num_images_per_prompt=1),
    )
    records = run(config, "run").iterations
    gain = records[-1].reward - records[0].reward
    assert gain > records[0].reward_std


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"policy": "nowhere"}, PolicyError, "nowhere: no such folder"),
        ({"reward": "nowhere"}, RewardError, "no such folder"),
        ({"prompts": "nowhere"}, PromptError, "nowhere"),
        ({"adapter": "nowhere"}, PolicyError, "nowhere: no pytorch_lora_weights"),
        (
            {"dpok": DpokConfig(num_train_steps=2)},
            ConfigError,
            "at most the 1 with noise",
        ),
    ],
)
def test_what_cannot_be_opened_leaves_nothing_behind(config, change, error, message):
    with pytest.raises(error, match=message):
        run(dataclasses.replace(config, **change), "run")
    assert not Path("run").exists()


def test_a_set_of_unseen_prompts_only_is_refused(config):
    Path("unseen.yaml").write_text("prompts:\n- {text: a dog, split: unseen}\n")
    with pytest.raises(PromptError, match="no prompt of split train"):
        run(dataclasses.replace(config, prompts="unseen.yaml"), "run")


def test_prompts_that_share_their_start_come_once_an_iteration(config):
    config = dataclasses.replace(config, advantage=AdvantageConfig(baseline="start"))
    with pytest.raises(ConfigError, match=r"num_prompts is 2 for 3 prompts: .*a divisor"):
        run(config, "run")
    assert not Path("run").exists()


def test_a_folder_in_use_is_not_overwritten(config):
    run(dataclasses.replace(config, iterations=1), "run")
    with pytest.raises(ConfigError, match="holds a run already: add --resume"):
        run(config, "run")
    with pytest.raises(ConfigError, match="was started with seed 0, not 1"):
        run(dataclasses.replace(config, seed=1), "run", resume=True)
    other = dataclasses.replace(config.sampling, eta=0.5)
    with pytest.raises(ConfigError, match=r"was started with sampling\.eta 1\.0, not 0\.5"):
        run(dataclasses.replace(config, sampling=other), "run", resume=True)
    Path("other").mkdir()
    Path("other/file").write_text("mine")
    with pytest.raises(ConfigError, match="in use and holds no run"):
        run(config, "other", resume=True)


def test_a_checkpoint_of_another_base_or_a_damaged_one_is_refused(config, build_base):
    result = run(dataclasses.replace(config, iterations=1), "run")
    state = result.folder / "checkpoints" / "000001" / "state.pt"
    whole = state.read_bytes()
    packed = torch.load(state, weights_only=True)
    torch.save(packed | {"base": "another"}, state)
    with pytest.raises(PolicyError, match="made with another base"):
        run(config, "run", resume=True)
    state.write_bytes(whole[:1000])
    with pytest.raises(PolicyError, match="cannot be read; delete it"):
        run(config, "run", resume=True)
