"""Two processes on two CPUs, as `accelerate launch` starts them, against one on the same data."""

import inspect
import sys
from pathlib import Path

import launching
import pytest
import torch
from launching import launch_two
from safetensors.torch import load_file

from data.config_file import load_yaml
from rl_finetune.adapter import ADAPTER_FILE
from rl_finetune.config import TuneConfig
from rl_finetune.metrics import DpokMetrics, MetricsFile
from rl_finetune.online import run_iteration
from rl_finetune.session import open_session
from rl_finetune.train import tune

REWARD = """
def redness(images, prompts):
    return (images[:, 0] - images[:, 1]).mean((1, 2))
"""

GRADIENTS = """
import torch
from devices.processes import Processes

from this_test import find_gradients

gradients = find_gradients()
if Processes().index == 1:
    torch.save(gradients, "two.pt")
Processes().leave()
"""

CONFIG = """
policy: {base}
prompts: {prompts}
reward: rewards_of_mine:redness
iterations: 2
sampling: {{num_steps: 3, num_prompts: 2, num_images_per_prompt: 2}}
lora: {{rank: 2}}
dpok: {{window: 0.67, kl_in: {kl_in}}}
advantage: {{baseline: value}}
value: {{width: 8}}
gallery: {{num_prompts: 1, num_images_per_prompt: 1}}
"""


@pytest.fixture(params=["loss", "reward"])
def folder(tmp_path, base, prompt_file, request, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "rewards_of_mine", raising=False)
    (tmp_path / "rewards_of_mine.py").write_text(REWARD)
    (tmp_path / "gradients.py").write_text(GRADIENTS)
    text = CONFIG.format(base=base, prompts=prompt_file, kl_in=request.param)
    (tmp_path / "config.yaml").write_text(text)
    return tmp_path


def find_gradients():
    session = open_session(load_yaml(TuneConfig, Path("config.yaml")))
    run_iteration(session, 1)
    value = session.value.function.parameters()
    return [p.grad for p in (*session.learner.policy.adapter_parameters().values(), *value)]


@pytest.mark.slow
def test_two_processes_have_the_gradients_of_one(folder):
    for name, module in (("this_test", sys.modules[__name__]), ("launching", launching)):
        (folder / f"{name}.py").write_text(inspect.getsource(module))
    launch_two(["gradients.py"], folder)
    for one, two in zip(find_gradients(), torch.load("two.pt"), strict=True):
        torch.testing.assert_close(two, one, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["loss"], indirect=True)
def test_a_run_of_two_processes_is_written_once_and_resumes(folder):
    config = load_yaml(TuneConfig, Path("config.yaml"))
    one = tune(config, out=Path("one"), progress=False).iterations
    command = ["-m", "rl_finetune.run", "config.yaml", "--out", "two", "--trackers", "tensorboard"]
    first = launch_two(command, folder)
    assert first.stdout.count("adapter: two/adapter") == 1
    again = launch_two([*command, "--iterations", "3", "--resume"], folder)
    assert "in 3 iterations and 12 images" in again.stdout
    two = MetricsFile(Path("two/metrics.jsonl"), DpokMetrics).read()
    assert [record.iteration for record in two] == [1, 2, 3]
    assert len(list(Path("two/trackers").rglob("events.*"))) >= 2
    for ours, theirs in zip(two, one, strict=False):
        for name in ("reward", "kl", "loss", "grad_norm", "value_loss"):
            assert getattr(ours, name) == pytest.approx(getattr(theirs, name), rel=1e-3, abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["loss"], indirect=True)
def test_a_supervised_run_of_two_processes_has_the_weights_of_one(folder):
    text = (folder / "config.yaml").read_text().replace("baseline: value", "baseline: running")
    text += (
        "objective: supervised-kl-o\nsupervised: {num_draws: 2, num_updates: 2, batch_size: 4}\n"
    )
    (folder / "config.yaml").write_text(text)
    config = load_yaml(TuneConfig, Path("config.yaml"))
    one = tune(config, out=Path("one"), progress=False)
    launch_two(["-m", "rl_finetune.run", "config.yaml", "--out", "two"], folder)
    ours, theirs = (load_file(run / "adapter" / ADAPTER_FILE) for run in (Path("two"), one.folder))
    assert ours.keys() == theirs.keys()
    for name, weights in ours.items():
        torch.testing.assert_close(weights, theirs[name], rtol=1e-3, atol=1e-5)
