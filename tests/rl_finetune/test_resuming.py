"""Runs that stop at the worst moment, or are resumed after something beside them has changed."""

import dataclasses
import errno
import shutil
import sys
from pathlib import Path

import pytest

from data.errors import ConfigError
from data.files import sha256_of
from rl_finetune.adapter import ADAPTER_FILE
from rl_finetune.config import GalleryConfig, LoraConfig, SamplingConfig, TuneConfig
from rl_finetune.dpok_config import DpokConfig
from rl_finetune.run_folder import RunFolder
from rl_finetune.supervised_config import SupervisedConfig
from rl_finetune.train import tune

REWARD = """
class Stops:
    last, sizes = None, []

    def __call__(self, images, prompts):
        Stops.sizes.append(len(images))
        if len(Stops.sizes) == Stops.last:
            raise KeyboardInterrupt
        return images[:, 0].mean((1, 2))
"""


@pytest.fixture
def reward(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "stopping_reward", raising=False)
    Path("stopping_reward.py").write_text(REWARD)
    import stopping_reward

    return stopping_reward.Stops


@pytest.fixture
def config(base, reward):
    Path("prompts.txt").write_text("a green rabbit\nfour wolves 🐺\n", encoding="utf-8")
    return TuneConfig(
        policy=str(base),
        reward="stopping_reward:Stops",
        prompts="prompts.txt",
        iterations=1,
        checkpoint_every=1,
        lora=LoraConfig(rank=1),
        sampling=SamplingConfig(num_steps=2, num_prompts=1, num_images_per_prompt=2),
        dpok=DpokConfig(window=1.0),
        gallery=GalleryConfig(num_prompts=1, num_images_per_prompt=1),
    )


def run(config, **options):
    return tune(config, out=Path("run"), progress=False, **options)


def full_disk(*_):
    raise OSError(errno.ENOSPC, "No space left on device", "run")


def test_a_prolonged_run_that_could_not_publish_does_so_when_it_goes_on(config, monkeypatch):
    run(config)
    longer = dataclasses.replace(config, iterations=2)
    with monkeypatch.context() as patched:
        patched.setattr(RunFolder, "publish_adapter", full_disk)
        with pytest.raises(OSError, match="No space"):
            run(longer, resume=True)
    result = run(longer, resume=True)
    newest = Path("run/checkpoints/000002") / ADAPTER_FILE
    assert result.adapter_sha256 == sha256_of(newest)
    assert "| 2, 4 |" in (result.adapter / "README.md").read_text()


def test_what_is_published_already_is_not_written_again(config, monkeypatch):
    run(config)
    monkeypatch.setattr(RunFolder, "publish_adapter", full_disk)
    run(config, resume=True)


def test_a_run_whose_prompts_have_changed_is_refused(config):
    run(config)
    Path("prompts.txt").write_text("four wolves 🐺\na green rabbit\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"other prompts than prompts.txt has now: .*prompts.txt"):
        run(config, resume=True)
    shutil.copy("run/prompts.txt", "prompts.txt")
    run(config, resume=True)


def test_a_run_goes_on_when_the_adapter_that_it_started_from_is_gone(config):
    shutil.move(run(config).folder, "old")
    later = dataclasses.replace(config, adapter="old/checkpoints/000001")
    run(later)
    shutil.rmtree("old")
    assert len(run(dataclasses.replace(later, iterations=2), resume=True).iterations) == 2


def test_a_line_of_metrics_cut_inside_a_character_does_not_count(config):
    run(config)
    metrics = Path("run/metrics.jsonl")
    whole = metrics.read_bytes()
    metrics.write_bytes(whole + "🐺".encode()[:2])
    assert len(run(config, resume=True).iterations) == 1
    assert metrics.read_bytes() == whole


def test_a_full_disk_at_the_start_leaves_a_folder_that_can_go_on(config, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr("rl_finetune.run_folder.write_atomically", full_disk)
        with pytest.raises(OSError, match="No space"):
            run(config)
    assert len(run(config, resume=True).iterations) == 1


@pytest.mark.parametrize("objective", ["dpok", "supervised"])
def test_ctrl_c_before_the_first_iteration_says_how_to_go_on(
    config, reward, objective, monkeypatch
):
    changed = dataclasses.replace(
        config, objective=objective, supervised=SupervisedConfig(num_draws=2, batch_size=2)
    )
    if objective == "dpok":
        monkeypatch.setattr("rl_finetune.train.draw_gallery", lambda *_: interrupt())
    else:
        reward.last = 2
    with pytest.raises(KeyboardInterrupt, match=r"stopped before iteration 1; .* --resume goes on"):
        run(changed)


def interrupt():
    raise KeyboardInterrupt
