import os
import signal
import subprocess
import sys
import time

import pytest
import torch

from data.errors import ConfigError
from data.records import Policy
from data.workspace import Workspace
from rl_finetune.adapter import ADAPTER_FILE
from rl_finetune.config import TuneConfig
from rl_finetune.metrics import DpokMetrics, MetricsFile
from rl_finetune.run import main, resolve_names

REWARD = """
import time

def slow_brightness(images, prompts):
    time.sleep(0.1)
    return images.mean((1, 2, 3))
"""


def start(arguments, folder):
    environment = os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    return subprocess.Popen(
        [sys.executable, "-m", "rl_finetune.run", *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_iterations(process, metrics, num):
    while process.poll() is None and len(MetricsFile(metrics, DpokMetrics).read()) < num:
        time.sleep(0.02)
    assert process.poll() is None, process.communicate()[1]


def test_a_killed_run_of_another_kind_of_model_goes_on_as_if_it_was_not(
    v_base, prompt_file, tmp_path, monkeypatch
):
    """The real command line on v-prediction, other sizes and trailing timesteps; kill -9 in it."""
    (tmp_path / "slow_reward.py").write_text(REWARD)
    arguments = ["--policy", str(v_base), "--reward", "slow_reward:slow_brightness"]
    arguments += ["--prompts", str(prompt_file), "--iterations", "12"]
    arguments += ["--sampling.num-steps", "3", "--sampling.num-prompts", "2"]
    arguments += ["--sampling.num-images-per-prompt", "2", "--lora.rank", "2"]
    arguments += ["--dpok.window", "1", "--optimiser.num-updates", "2"]
    process = start([*arguments, "--out", "run"], tmp_path)
    wait_for_iterations(process, tmp_path / "run" / "metrics.jsonl", 2)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (tmp_path / "run" / "adapter").exists()

    resumed = start(["--out", "run", "--resume"], tmp_path)
    output, errors = resumed.communicate()
    assert resumed.returncode == 0, errors
    assert "adapter: run/adapter" in output
    records = MetricsFile(tmp_path / "run" / "metrics.jsonl", DpokMetrics).read()
    assert [record.iteration for record in records] == list(range(1, 13))

    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["run", *arguments, "--out", "whole"])
    main()
    whole = tmp_path / "whole" / "adapter" / ADAPTER_FILE
    assert whole.read_bytes() == (tmp_path / "run" / "adapter" / ADAPTER_FILE).read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--reward", "a:b", "--out", "x"], "--policy is missing"),
        (["--policy", "a", "--out", "x"], "--reward is missing"),
        (["--policy", "a", "--reward", "a:b"], "--out or --workspace is missing"),
        (["--policy", "a", "--sampling.eta", "0"], r"sampling.eta must be in \(0, 1\]"),
        (["--polcy", "a"], "did you mean --policy"),
        (["nowhere.yaml"], "no such file"),
    ],
)
def test_wrong_arguments_are_one_clear_line(arguments, message, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["run", *arguments])
    with pytest.raises(ConfigError, match=message) as caught:
        main()
    assert "\n" not in str(caught.value)


def test_help_needs_no_torch():
    code = "import sys, rl_finetune.run; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_workspace_knows_names(tmp_path):
    workspace = Workspace.create(tmp_path / "w")
    base = Policy(name="base", base="some/where")
    tuned = Policy(name="tuned", base="some/where", adapter="policies/tuned", parent="base")
    for policy in (base, tuned):
        workspace.store().add_policy(policy)
    (workspace.rewards / "taste").mkdir()
    config = TuneConfig(policy="tuned", reward="taste")
    resolved = resolve_names(config, workspace)
    assert resolved.policy == "some/where"
    assert resolved.adapter == str(workspace.root / "policies" / "tuned")
    assert resolved.reward == str(workspace.rewards / "taste")
    assert resolve_names(TuneConfig(policy="base"), workspace).adapter == ""
    own = TuneConfig(policy=str(tmp_path), reward="module:callable")
    assert resolve_names(own, workspace) == own
