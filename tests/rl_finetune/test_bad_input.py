"""Whatever a run is told wrongly: one clear line, exit status 2, nothing half-written."""

import shutil
import sys
from pathlib import Path

import pytest
import torch

from data.entry import run_command
from devices.processes import Processes
from rl_finetune import online, session
from rl_finetune.run import main

REWARDS = """
import torch

def brightness(images, prompts):
    return images.mean((1, 2, 3))

def not_a_number(images, prompts):
    return brightness(images, prompts) * torch.nan

def per_pixel(images, prompts):
    return images.mean(1)

class BreaksLater:
    calls = 0

    def __call__(self, images, prompts):
        self.calls += 1
        return brightness(images, prompts) if self.calls < 3 else images.mean(1)
"""


@pytest.fixture
def tune(base, prompt_file, tmp_path, monkeypatch, capsys):
    """Run the command line on a tiny model; return its exit status and what it said."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "bad_rewards", raising=False)
    Path("bad_rewards.py").write_text(REWARDS)
    usual = {
        "--policy": base,
        "--reward": "bad_rewards:brightness",
        "--prompts": prompt_file,
        "--iterations": 3,
        "--sampling.num-steps": 2,
        "--sampling.num-prompts": 1,
        "--sampling.num-images-per-prompt": 2,
        "--lora.rank": 2,
        "--dpok.window": 1,
        "--gallery.num-prompts": 1,
        "--gallery.num-images-per-prompt": 1,
        "--checkpoint-every": 1,
        "--out": "run",
    }

    def run(*first, **changes):
        options = usual | {"--" + name.replace("_", "-"): v for name, v in changes.items()}
        words = [str(word) for option in options.items() for word in option]
        monkeypatch.setattr(sys, "argv", ["run", *first, *words])
        status = 0
        try:
            run_command(main)
        except SystemExit as ended:
            status = ended.code
        errors = capsys.readouterr().err.splitlines()
        return status, [line for line in errors if line.startswith("error: ")]

    return run


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sampling.eta": 0}, "sampling.eta must be in (0, 1]"),
        ({"seed": 2**32}, "seed must be from 0 to 2147483647, got 4294967296"),
        ({"prompts": "empty.txt"}, "empty.txt holds no prompts"),
        ({"prompts": "latin.txt"}, "latin.txt is not UTF-8"),
        ({"adapter": "adapter"}, "adapter has rank 2, not 3: set lora.rank 2"),
        ({"policy": "nowhere"}, "nowhere: no such folder"),
        ({"reward": "bad_rewards:nothing"}, "has no nothing"),
    ],
)
def test_what_is_wrong_from_the_start_leaves_nothing_behind(tune, changes, said):
    Path("empty.txt").touch()
    Path("latin.txt").write_bytes("ein grüner Hase\n".encode("latin-1"))
    if "adapter" in changes:
        assert tune(out="first", iterations=1) == (0, [])
        shutil.copytree("first/adapter", "adapter")
        changes = changes | {"lora.rank": 3}
    status, (line,) = tune(**changes)
    assert status == 2
    assert said in line
    assert not Path("run").exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sampling.num-images-per-prompt": 3}, "3 images an iteration (sampling.num_prompts x"),
        ({"sampling.num-prompts": 5, "sampling.num-images-per-prompt": 1}, "3 images an iteration"),
        (
            {"objective": "supervised", "supervised.batch-size": 5},
            "5 images an update (supervised.batch_size) cannot be shared evenly by 2 processes",
        ),
    ],
)
def test_what_processes_cannot_share_is_refused_before_anything_is_opened(
    tune, monkeypatch, changes, said
):
    monkeypatch.setattr(Processes, "count", 2)
    monkeypatch.setattr(session, "open_reward", lambda *_, **__: pytest.fail("opened a reward"))
    status, (line,) = tune(**({"advantage.baseline": "none"} | changes))
    assert status == 2
    assert said in line
    assert not Path("run").exists()


def test_a_run_to_resume_that_is_not_there_is_named(tune):
    status, (line,) = tune("--resume", policy="")
    assert (status, line) == (2, "error: no run at run to resume; expected its config.yaml")


def test_an_unknown_preset_lists_the_known_ones(tune):
    status, (line,) = tune("emoji-defualt")
    assert status == 2
    assert "emoji-defualt" in line
    assert "emoji-default" in line.replace("emoji-defualt", "")
    assert not Path("run").exists()


@pytest.mark.parametrize(
    ("reward", "said"),
    [
        ("not_a_number", "nan for image 0 of 2"),
        ("per_pixel", "shape (2, 16, 16) for 2 images"),
    ],
)
def test_a_reward_that_is_none_stops_the_first_iteration(tune, reward, said):
    status, (line,) = tune(reward=f"bad_rewards:{reward}")
    assert status == 2
    assert said in line
    assert line.startswith("error: in iteration 1: ")
    assert line.endswith("there is no checkpoint yet")
    assert not Path("run/adapter").exists()


def test_a_reward_that_breaks_later_names_what_is_kept(tune):
    status, (line,) = tune(reward="bad_rewards:BreaksLater")
    assert status == 2
    assert line.endswith("the last checkpoint is run/checkpoints/000002")
    assert not Path("run/adapter").exists()


def test_too_little_memory_names_what_takes_less(tune, monkeypatch):
    def fail(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate\n9 GiB.")

    monkeypatch.setattr(online, "update_on_rollout", fail)
    status, (line,) = tune()
    assert status == 2
    for name in ("sampling.batch_size", "optimiser.batch_size", "gradient_checkpointing"):
        assert name in line


def test_a_checkpoint_of_another_base_is_refused_and_kept(tune, base, build_base):
    shutil.copytree(base, "model")
    assert tune(policy="model", iterations=2) == (0, [])
    kept = {path: path.read_bytes() for path in Path("run").rglob("*") if path.is_file()}
    shutil.rmtree("model")
    build_base(Path("model"), channels=(8, 24))
    status, (line,) = tune("--resume", policy="model", iterations=3)
    assert status == 2
    assert "run/checkpoints/000002" in line
    assert "another base" in line
    assert {path: path.read_bytes() for path in kept} == kept
