"""kill -9 on the real command: run again, it finishes with nothing lost and nothing doubled."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from data.errors import StoreBusy
from data.files import sha256_of
from data.records import Policy, RaterKind
from feedback_loop.config import GenerateConfig, SimulatedConfig
from feedback_loop.loop import create_loop
from feedback_loop.stages import num_finished_rounds

ROOT = Path(__file__).parents[2]
PATIENCE_S = 240


def start(loop, *words):
    return subprocess.Popen(
        [sys.executable, "-m", "feedback_loop", *words, "--workspace", str(loop.workspace.root)],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def kill_when(process, is_time):
    """End the process without warning as soon as `is_time()` holds."""
    deadline = time.monotonic() + PATIENCE_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if is_time():
                process.send_signal(signal.SIGKILL)
                break
        except StoreBusy:
            continue
        time.sleep(0.05)
    _, said = process.communicate()
    assert process.returncode == -signal.SIGKILL, f"over before it could be killed: {said.decode()}"


def finish(loop, *words):
    process = start(loop, *words)
    _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, said.decode()


def assert_images_are_whole(loop):
    files = list(loop.workspace.images_dir.rglob("*.png"))
    assert all(sha256_of(path) == path.stem for path in files)
    recorded = {image.sha256 for image in loop.store.images()}
    assert recorded == {path.stem for path in files}


@pytest.mark.slow
def test_generate(tmp_path, config):
    loop = create_loop(
        tmp_path / "w", replace(config, generate=GenerateConfig(num_pairs=160, num_images=160))
    )
    for least in (1, 60):
        kill_when(start(loop, "generate"), lambda: len(loop.store.images()) >= least)  # noqa: B023
        assert len(loop.store.images()) < 160
    finish(loop, "generate")
    images, pairs = loop.store.images(), loop.store.pairs(1)
    assert (len(images), len(pairs)) == (160, 160)
    assert set(Counter(i for p in pairs for i in (p.image_a, p.image_b)).values()) == {2}
    assert_images_are_whole(loop)


@pytest.fixture
def emoji_loop(tmp_path, config):
    """Return a workspace whose simulated raters look at the images of a random model.

    They take sides without looking half of the time, so that there is something decided to fit.
    """
    settings = replace(
        config,
        world="emoji",
        generate=GenerateConfig(num_pairs=330, num_images=80),
        simulated=SimulatedConfig(side_bias=0.5),
    )
    return create_loop(tmp_path / "w", settings)


@pytest.mark.slow
def test_compare_fit_and_tune(emoji_loop):
    loop = emoji_loop
    command = ("round", "--raters", "simulated")
    folder = loop.workspace.rewards
    moments = [
        lambda: len(loop.store.comparison_events()) >= 1,
        lambda: any(folder.glob(".*")) or (folder / "round-1").exists(),
        (loop.workspace.runs / "round-1" / "metrics.jsonl").exists,
    ]
    for is_time in moments:
        kill_when(start(loop, *command), is_time)
    finish(loop, *command)
    comparisons = loop.store.comparison_events()
    assert len(comparisons) == len({c.pair_id for c in comparisons}) == len(loop.store.pairs(1))
    assert loop.store.counts().by_kind[RaterKind.SIMULATED] == 330
    assert num_finished_rounds(loop.store.round_events()) == 1
    assert [policy.name for policy in loop.store.policies()] == ["base", "round-1"]
    assert len(loop.store.reward_models()) == 1
    lines = (loop.workspace.runs / "round-1" / "metrics.jsonl").read_text().splitlines()
    assert len(lines) == loop.config.tune.iterations
    assert_images_are_whole(loop)


@pytest.mark.slow
def test_study(tmp_path, config):
    loop = create_loop(tmp_path / "w", config)
    loop.store.add_policy(Policy(name="tuned", base=config.base, parent="base", round=1))
    command = ("study", "tuned", "base", "--images", "20", "--raters", "2")
    for least in (1, 90):
        kill_when(start(loop, *command), lambda: len(loop.store.images()) >= least)  # noqa: B023
        assert loop.store.studies() == []
    for _ in range(2):
        finish(loop, *command)
    assert len(loop.store.images()) == 160
    assert len(loop.store.study_pairs("tuned-vs-base")) == 80
    assert len(loop.store.studies()) == 1
    assert_images_are_whole(loop)
