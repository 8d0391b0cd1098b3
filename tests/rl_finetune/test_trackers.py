"""TensorBoard's and W&B's own files, read back and compared with metrics.jsonl."""

import dataclasses
import importlib.util
import sys
from pathlib import Path

import pytest
from accelerate import PartialState
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from data.entry import run_command
from data.errors import ConfigError
from rl_finetune.config import GalleryConfig, LoraConfig, SamplingConfig, TuneConfig
from rl_finetune.dpok_config import DpokConfig
from rl_finetune.run import main
from rl_finetune.trackers import Trackers, scalars
from rl_finetune.train import tune

REWARD = """
class Stops:
    calls, last = 0, None

    def __call__(self, images, prompts):
        Stops.calls += 1
        if Stops.calls == Stops.last:
            raise KeyboardInterrupt
        return images.mean((1, 2, 3))
"""


@pytest.fixture
def config(base, prompt_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "stopping", raising=False)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    Path("stopping.py").write_text(REWARD)
    return TuneConfig(
        policy=str(base),
        reward="stopping:Stops",
        prompts=str(prompt_file),
        iterations=3,
        checkpoint_every=2,
        lora=LoraConfig(rank=2),
        sampling=SamplingConfig(num_steps=2, num_prompts=1, num_images_per_prompt=2),
        dpok=DpokConfig(window=1.0),
        gallery=GalleryConfig(num_prompts=1, num_images_per_prompt=1),
        trackers=("tensorboard",),
    )


def shown():
    """What TensorBoard shows: by name, the value of each step."""
    events = EventAccumulator("run/trackers/tastemaker")
    events.Reload()
    return {
        name: {event.step: event.value for event in events.Scalars(name)}
        for name in events.Tags()["scalars"]
    }


def expected(records):
    table = {}
    for record in records:
        for name, value in scalars(record):
            table.setdefault(name, {})[record.iteration] = pytest.approx(value, rel=1e-6)
    return table


def test_tensorboard_shows_what_the_metrics_file_has(config):
    records = tune(config, out=Path("run"), progress=False).iterations
    assert shown() == expected(records)
    assert "reward_by_prompt/a green rabbit" in shown()


def test_after_an_interruption_no_step_stands_twice(config):
    """The third iteration is lost with no checkpoint after the second, and made again."""
    sys.path.insert(0, "")
    import stopping

    config = dataclasses.replace(config, iterations=4, checkpoint_every=2)
    stopping.Stops.last = 4
    with pytest.raises(KeyboardInterrupt):
        tune(config, out=Path("run"), progress=False)
    assert sorted(shown()["reward"]) == [1, 2, 3]
    records = tune(config, out=Path("run"), resume=True, progress=False).iterations
    assert shown() == expected(records)


def test_metrics_can_be_shown_from_any_point_on(config):
    quiet = dataclasses.replace(config, trackers=(), iterations=2)
    tune(quiet, out=Path("run"), progress=False)
    assert not Path("run/trackers").exists()
    records = tune(config, out=Path("run"), resume=True, progress=False).iterations
    assert shown() == expected(records[2:])


@pytest.mark.slow
def test_wandb_goes_on_with_the_same_run(config):
    config = dataclasses.replace(config, trackers=("wandb",))
    for iterations in (2, 3):
        longer = dataclasses.replace(config, iterations=iterations)
        tune(longer, out=Path("run"), resume=True, progress=False)
    folders = [path.name for path in Path("run/trackers/wandb").glob("offline-run-*")]
    assert len(folders) == 2
    # offline-run-TIME-ID, with a number behind it where two begin in the same second
    assert len({name.split("-")[3] for name in folders}) == 1


@pytest.mark.slow
def test_wandb_without_a_login_is_refused_and_the_run_can_go_on(config, tmp_path, monkeypatch):
    for name in ("HOME", "NETRC", "WANDB_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "nobody"))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("WANDB_MODE", "online")
    changed = dataclasses.replace(config, trackers=("wandb",))
    with pytest.raises(ConfigError, match=r"wandb cannot start .*`wandb login`.* --resume"):
        tune(changed, out=Path("run"), progress=False)
    assert tune(config, out=Path("run"), resume=True, progress=False).iterations


def test_one_that_is_not_installed_is_refused_before_anything_is_written(config, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "wandb" else found(name)
    )
    changed = dataclasses.replace(config, trackers=("tensorboard", "wandb"))
    with pytest.raises(ConfigError, match="wandb is not installed; `pip install wandb`"):
        tune(changed, out=Path("run"), progress=False)
    assert not Path("run").exists()


def test_an_unknown_one_is_one_line(config, monkeypatch, capsys):
    words = ["run", "--policy", "p", "--reward", "r:r", "--out", "run", "--trackers", "mlfow"]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as ended:
        run_command(main)
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert said.count("\n") == 1
    assert "tensorboard" in said


def test_finishing_leaves_the_processes_connected(tmp_path, config, monkeypatch):
    closed = []
    monkeypatch.setattr(PartialState, "destroy_process_group", lambda *_: closed.append(True))
    trackers = Trackers(("tensorboard",), tmp_path / "trackers")
    trackers.start(config, 0)
    trackers.finish()
    assert list((tmp_path / "trackers").rglob("events.*"))
    assert not closed


def test_none_is_nothing(tmp_path, config):
    trackers = Trackers((), tmp_path / "trackers")
    trackers.start(config, 0)
    trackers.finish()
    assert not (tmp_path / "trackers").exists()
