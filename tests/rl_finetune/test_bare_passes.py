"""The bare passes are those that an iteration makes: no more, no fewer, of the same sizes."""

import dataclasses
import json
import subprocess
import sys

import pytest
import torch

from benchmarks.iteration.compare import brightness, figures_of, lines_of, ratio_of, time_pairs
from benchmarks.iteration.passes import Passes, Seconds, needed_passes, run_bare
from data.config_file import load_yaml
from data.records import Prompt
from rl_finetune.config import OptimiserConfig, SamplingConfig, TuneConfig
from rl_finetune.dpok_config import DpokConfig
from rl_finetune.online import run_iteration
from rl_finetune.processes import Processes
from rl_finetune.run import PRESETS
from rl_finetune.session import make_session

SAMPLING = SamplingConfig(num_steps=4, num_prompts=1, num_images_per_prompt=5, batch_size=3)
CONFIG = TuneConfig(
    sampling=SAMPLING,
    dpok=DpokConfig(window=0.5),
    optimiser=OptimiserConfig(num_updates=2, batch_size=4, num_passes=2),
)


@pytest.fixture
def open_session(policy):
    def make(**changes):
        return make_session(
            dataclasses.replace(CONFIG, **changes),
            processes=Processes(),
            policy=policy,
            reward=brightness,
            watched={},
            prompts=[Prompt.new("a dog")],
        )

    return make


@pytest.mark.parametrize("guidance", [1.0, 2.0])
@pytest.mark.parametrize("kl_weight", [0.02, 0.0])
def test_the_bare_passes_are_those_of_an_iteration(open_session, guidance, kl_weight):
    session = open_session(
        sampling=dataclasses.replace(SAMPLING, guidance=guidance),
        dpok=dataclasses.replace(CONFIG.dpok, kl_weight=kl_weight),
    )
    session.learner.policy.encode_prompts(["", "a dog"])
    calls = []
    parts = session.learner.policy.parts
    for module in (parts.unet, parts.vae.decoder, parts.text_encoder):
        module.register_forward_pre_hook(
            lambda module, given: calls.append(
                (type(module).__name__, len(given[0]), torch.is_grad_enabled())
            )
        )
    run_iteration(session, 1)
    made = calls.copy()
    calls.clear()
    run_bare(session, needed_passes(session))
    assert sorted(made) == sorted(calls)
    assert ("UNet2DConditionModel", 4 * (2 if guidance > 1 else 1), True) in made


def test_what_an_iteration_needs(open_session):
    """Five images in batches of three and two; three steps of each in micro-batches of four."""
    assert needed_passes(open_session()) == Passes(
        sample=[3] * 4 + [2] * 4,
        decode=[3, 2],
        base=[4, 4, 4, 3],
        update=[4, 4, 2, 4, 1] * 2,
    )


def test_bare_passes_leave_the_policy_as_it_was(open_session):
    session = open_session()
    before = [p.clone() for p in session.learner.policy.adapter_parameters().values()]
    run_bare(session, needed_passes(session))
    after = session.learner.policy.adapter_parameters().values()
    assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))
    assert all(p.grad is None for p in after)


def test_pairs_are_timed_and_summed_up(open_session):
    pairs = time_pairs(open_session(), 2)
    figures = figures_of(pairs)
    assert figures["pairs"] == 2
    assert figures["ratio"]["low"] <= figures["ratio"]["median"] <= figures["ratio"]["high"]
    assert figures["seconds"]["bare passes"]["score"] == 0
    assert all(seconds > 0 for seconds in figures["seconds"]["iteration"].values())
    assert lines_of(figures)[-1].endswith("of 2 pairs")


def test_the_ratio_is_that_of_whole_pairs():
    bare = Seconds(sample=1.0, score=0.0, update=1.0)
    pairs = [(Seconds(sample=1.0, score=s, update=1.0), bare) for s in (0.0, 0.2, 1.0)]
    assert ratio_of(pairs).median == pytest.approx(1.1)
    assert (ratio_of(pairs).low, ratio_of(pairs).high) == pytest.approx((1.0, 1.5))


@pytest.mark.slow
def test_the_command_writes_what_it_prints(tmp_path):
    command = [sys.executable, "-m", "benchmarks.iteration"]
    done = subprocess.run(
        [*command, "--num-pairs", "1", "--results", str(tmp_path / "figures.json")],
        capture_output=True,
        text=True,
        check=True,
    )
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert f"ratio {figures['ratio']['median']:.3f}" in done.stdout
    preset = load_yaml(TuneConfig, PRESETS / "emoji-default.yaml")
    assert figures["sampling"] == dataclasses.asdict(preset.sampling)
