"""The demo on the embedded world's own models, made small: one command from nothing to a report."""

import json

import pytest

from data.config_file import dump_yaml
from data.records import RaterKind
from feedback_loop.__main__ import dispatch
from feedback_loop.config import FitSection, GenerateConfig, LoopConfig, MeasureConfig
from feedback_loop.loop import open_loop


@pytest.fixture
def small(tmp_path, config):
    """Return a file of settings that keep the world's own models and do little with them."""
    settings = LoopConfig(
        prompt_set=config.prompt_set,
        generate=GenerateConfig(num_pairs=48, num_images=32),
        fit=FitSection(held_out_fraction=0.5, training=config.fit.training),
        tune=config.tune,
        measure=MeasureConfig(num_images_per_prompt=2),
    )
    dump_yaml(settings, tmp_path / "small.yaml")
    return str(tmp_path / "small.yaml")


@pytest.mark.slow
def test_the_demo_runs_says_simulated_and_does_no_harm_again(small, tmp_path, capsys):
    words = ["demo", small, "--workspace", str(tmp_path / "w")]
    dispatch(words)
    said = capsys.readouterr().out
    assert "raters are SIMULATED" in said
    assert "share of images that meet their prompt" in said
    assert "48 SIMULATED, 0 by people" in said
    assert "tastemaker label --workspace" in said

    loop = open_loop(tmp_path / "w")
    counts = loop.store.counts().by_kind
    assert (counts[RaterKind.SIMULATED], counts[RaterKind.PERSON]) == (48, 0)
    summary = json.loads((loop.workspace.report / "summary.json").read_text())
    assert [policy["name"] for policy in summary["policies"]] == ["base", "round-1"]
    assert all(policy["alignment"]["overall"] is not None for policy in summary["policies"])

    kept = {path: path.stat().st_mtime_ns for path in loop.workspace.root.rglob("*.png")}
    dispatch(words)
    assert "nothing to do" in capsys.readouterr().out
    assert {p: p.stat().st_mtime_ns for p in loop.workspace.root.rglob("*.png")} == kept
    dispatch(["status", "--workspace", str(tmp_path / "w")])
    assert "1 finished" in capsys.readouterr().out
