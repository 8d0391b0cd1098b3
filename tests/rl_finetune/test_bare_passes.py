"""The bare passes are those that an iteration makes: no more, no fewer, of the same sizes."""

import dataclasses
import json
import subprocess
import sys

import pytest
import torch

from benchmarks.iteration.compare import Spread, brightness, figures_of, spread_of, time_pairs
from benchmarks.iteration.passes import Passes, Seconds, needed_passes, run_bare
from benchmarks.iteration.table import machine_of, make_table
from data.config_file import load_yaml
from data.records import Prompt
from devices.processes import Processes
from rl_finetune.config import OptimiserConfig, SamplingConfig, TuneConfig
from rl_finetune.dpok_config import DpokConfig
from rl_finetune.online import run_iteration
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
    assert len(figures["timings"]["iteration"]) == 2
    assert "medians of 2 pairs" in make_table(figures)


def test_the_ratio_is_that_of_whole_pairs():
    bare = Seconds(sample=1.0, score=0.0, update=1.0)
    pairs = [(Seconds(sample=1.0, score=s, update=1.0), bare) for s in (0.0, 0.2, 1.0)]
    assert figures_of(pairs)["ratio"] == pytest.approx({"median": 1.1, "low": 1.0, "high": 1.5})


def test_the_rest_of_all_parts_is_what_the_ratio_is_over_one():
    whole = Seconds(sample=1.2, score=0.1, update=1.5, other=0.2)
    figures = figures_of([(whole, Seconds(sample=1.0, score=0.0, update=1.0))])
    rest = {part: spread["median"] for part, spread in figures["rest"].items()}
    assert rest == pytest.approx(
        {"sample": 0.1, "score": 0.05, "update": 0.25, "other": 0.1, "total": 0.5}
    )
    assert rest["total"] == pytest.approx(figures["ratio"]["median"] - 1)
    assert "| rewards | 0.100 | 0.000 | +5.0 (+5.0 to +5.0) |" in make_table(figures)


def test_a_spread_has_quartiles_where_there_are_four():
    assert spread_of([3.0, 1.0, 2.0]) == Spread(median=2.0, low=1.0, high=3.0)
    assert spread_of([5.0, 1.0, 2.0, 3.0, 4.0]) == Spread(median=3.0, low=1.5, high=4.5)


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
    assert make_table(figures) in done.stdout
    assert machine_of(figures) in done.stdout
    preset = load_yaml(TuneConfig, PRESETS / "emoji-default.yaml")
    assert figures["sampling"] == dataclasses.asdict(preset.sampling)
