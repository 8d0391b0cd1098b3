import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from data.errors import PolicyError
from rl_finetune import denoising
from rl_finetune.config import GalleryConfig, LoraConfig, SamplingConfig, TuneConfig
from rl_finetune.dataset import Dataset
from rl_finetune.stable_diffusion import StableDiffusionPolicy
from rl_finetune.supervised_config import SupervisedConfig
from rl_finetune.supervised_updates import draw_batch
from rl_finetune.train import tune

REWARDS = """
calls = []

def redness(images, prompts):
    calls.append(len(images))
    return 1 + (images[:, 0] - images[:, 1]).mean((1, 2))

def brightness(images, prompts):
    return images.mean((1, 2, 3))
"""


@pytest.fixture
def rewards(tmp_path, monkeypatch):
    (tmp_path / "offline_rewards.py").write_text(REWARDS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(__import__("sys").modules, "offline_rewards", raising=False)
    import offline_rewards

    return offline_rewards


@pytest.fixture(params=["base", "v_base"])
def config(request, prompt_file, rewards):
    return TuneConfig(
        policy=str(request.getfixturevalue(request.param)),
        reward="offline_rewards:redness",
        watch=("offline_rewards:brightness",),
        objective="supervised-kl-o",
        prompts=str(prompt_file),
        iterations=3,
        sampling=SamplingConfig(num_steps=3, num_prompts=2, num_images_per_prompt=2),
        lora=LoraConfig(rank=1),
        supervised=SupervisedConfig(num_draws=2, num_updates=2, batch_size=6, gamma=0.5),
        gallery=GalleryConfig(every=3, num_prompts=1, num_images_per_prompt=1),
    )


def run(config, out, **options):
    return tune(config, out=Path(out), progress=False, **options)


def test_a_run_draws_once_and_learns_from_that(config, rewards):
    result = run(config, "run")
    assert rewards.calls == [4] * (2 + 3)  # two draws, and the measuring of each iteration
    drawn = load_file(Path("run/dataset/000002.safetensors"))
    assert len(drawn["latents"]) == len(drawn["rewards"]) == 4
    assert [record.num_images for record in result.iterations] == [8, 8, 8]
    last = result.iterations[-1]
    assert last.kl > 0
    assert 0 < last.watched["offline_rewards:brightness"] < 1
    assert last.penalty > 0
    assert "supervised-kl-o" in (result.adapter / "README.md").read_text()


def without_seconds(records):
    zero = {"seconds_sample": 0.0, "seconds_score": 0.0, "seconds_update": 0.0}
    return [dataclasses.replace(record, **zero) for record in records]


def test_resuming_gives_the_uninterrupted_run_bit_for_bit(config, rewards):
    whole = run(config, "whole")
    run(dataclasses.replace(config, iterations=1), "stopped")
    Path("stopped/dataset/000002.safetensors").unlink()
    rewards.calls.clear()
    resumed = run(config, "stopped", resume=True)
    assert rewards.calls == [4] * (1 + 2)  # what was lost, and two iterations
    assert resumed.adapter_sha256 == whole.adapter_sha256
    assert without_seconds(resumed.iterations) == without_seconds(whole.iterations)


def test_the_dataset_is_the_bases_whatever_adapter_a_run_goes_on_from(config):
    first = run(config, "first")
    run(dataclasses.replace(config, adapter=str(first.adapter)), "second")
    ours, theirs = (load_file(f"{n}/dataset/000001.safetensors") for n in ("first", "second"))
    torch.testing.assert_close(ours["latents"], theirs["latents"])


def test_the_denoising_loss_falls(config):
    config = dataclasses.replace(
        config,
        objective="supervised-kl-d",
        iterations=6,
        supervised=SupervisedConfig(num_draws=1, num_updates=20, batch_size=16, gamma=20.0),
        optimiser=dataclasses.replace(config.optimiser, learning_rate=1e-2),
    )
    records = run(config, "run").iterations
    assert records[-1].denoising < records[0].denoising


def test_a_damaged_draw_is_named(config):
    run(config, "run")
    path = Path("run/dataset/000001.safetensors")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(PolicyError, match=r"000001\.safetensors cannot be read; delete it"):
        run(dataclasses.replace(config, iterations=4), "run", resume=True)


@pytest.mark.parametrize("name", ["base", "v_base"])
def test_a_network_that_says_the_target_denoises_exactly(name, request):
    policy = StableDiffusionPolicy.open(str(request.getfixturevalue(name)))
    schedule = policy.schedule(4, 1.0)
    step = schedule.at(torch.arange(1, 4), policy.device)
    draws = [torch.Generator().manual_seed(seed) for seed in (0, 1)]
    latents, noise = (torch.randn(3, *policy.latent_shape, generator=g) for g in draws)
    noisy, target = policy.add_noise(latents, noise, schedule.timesteps[1:])
    denoised, found = denoising.denoised_and_noise(noisy, target, step)
    torch.testing.assert_close(denoised, latents, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(found, noise, rtol=1e-3, atol=1e-3)


def test_a_batch_covers_images_and_noise_levels():
    dataset = Dataset(latents=torch.zeros(5, 1, 2, 2), rewards=torch.zeros(5), texts=["a dog"] * 5)
    batch = draw_batch(np.random.default_rng(0), dataset, size=4000, num_levels=7)
    for drawn, num in ((batch.images, 5), (batch.levels, 7)):
        counts = drawn.bincount(minlength=num) / 4000
        torch.testing.assert_close(counts, torch.full((num,), 1 / num), rtol=0, atol=0.03)
    assert batch.noise.std().item() == pytest.approx(1, abs=0.03)
