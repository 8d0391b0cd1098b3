"""The suite of the paper's experiments: what it runs, and what it makes of a run's records."""

import json
import re
import subprocess
import sys
from dataclasses import replace

import pytest

from benchmarks.paper.claims import claim
from benchmarks.paper.document import fill
from benchmarks.paper.experiments import EXPERIMENTS, FOUR, tune_config
from benchmarks.paper.plots import draw_frontier, draw_presets
from benchmarks.paper.records import final, images_until, read_records, smoothed, write_record
from benchmarks.paper.suite import Suite, run_experiment
from benchmarks.paper.tables import make_tables, progress
from data.errors import ConfigError
from data.prompts import load_prompt_set
from emoji_world.assets import clip_path

ALIGNMENT, CLIP = "emoji_world.rewards:Alignment", f"clip:{clip_path()}"


def measures(value: float, prompts: int) -> dict:
    families = dict.fromkeys(FOUR, value)
    estimate = {"value": value, "low": value, "high": value}
    names = ["alignment", "reward", "unseen reward", "clip", "quality", "diversity", "kl"]
    names += ["saturation", "edge_density", "std of reward", "std of alignment"]
    measure = {"policy": estimate, "gain": estimate, "families": families}
    return {
        "num_images": 8 * prompts,
        "measures": dict.fromkeys(names, measure),
        "distance_to_base": value / 10,
    }


def record(experiment: str, seed: int, value: float) -> dict:
    curve = {name: [0.1, 0.2, value] for name in ("alignment", "reward", "quality", "kl")}
    return {
        "experiment": experiment,
        "seed": seed,
        "num_images": 576,
        "images_per_iteration": 192,
        "curve": curve | {"num_images": [192, 384, 576]},
        "evaluation": {
            policy: {"train": measures(level, 4), "unseen": measures(level / 2, 16)}
            for policy, level in (("base", 0.25), ("tuned", value))
        },
    }


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda e: e.name)
def test_every_experiment_is_a_run_that_tuning_accepts(experiment, tmp_path):
    config = tune_config(experiment, base="b", reward="r", watch=("w",), folder=tmp_path, seed=3)
    splits = [prompt.split for prompt in load_prompt_set(config.prompts)]
    assert splits.count("unseen") == 16
    assert splits.count("train") in (1, 4, 111)
    assert config.seed == 3
    assert config.objective in (re.sub("^rare-|^many-|-wide$", "", experiment.name), "dpok")


def test_methods_are_compared_at_equal_numbers_of_rewards(tmp_path):
    """What is asked of the reward: an iteration's images, or the images drawn beforehand."""
    asked = {}
    for experiment in EXPERIMENTS:
        config = tune_config(experiment, base="b", reward="r", watch=(), folder=tmp_path, seed=0)
        sampled = config.iterations if config.objective == "dpok" else config.supervised.num_draws
        asked[experiment.name] = sampled * config.sampling.num_images
    long = {"many", "many-supervised-kl-d", "dpok-long"}
    long |= {"parity", "paper", "parity-rate", "paper-rate"}
    assert {number for name, number in asked.items() if name not in long} == {2016}
    assert {number for name, number in asked.items() if name in long} == {4992}


def test_a_run_is_tuned_measured_and_kept_once(tmp_path):
    """On the embedded world, shortened; the file names nothing of this machine."""
    suite = Suite(
        root=tmp_path / "suite",
        results=tmp_path / "results",
        roles={CLIP: "reward", ALIGNMENT: "alignment"},
    )
    single = next(e for e in EXPERIMENTS if e.name == "single-location")
    short = replace(single, iterations=1, changes=SHORT, num_measured=2)
    run_experiment(suite, short, 5)
    (path,) = suite.results.iterdir()
    text = path.read_text()
    assert "/" not in json.dumps({k: v for k, v in json.loads(text).items() if k != "about"})
    (kept,) = read_records(suite.results)["single-location"]
    assert kept["seed"] == 5
    assert kept["curve"]["num_images"] == [2]
    assert set(kept["evaluation"]) == {"base", "tuned"}
    assert final(kept, "kl") > 0 == final(kept, "kl", policy="base")
    assert 0 <= final(kept, "alignment", "unseen") <= 1
    written = path.stat().st_mtime_ns
    run_experiment(suite, short, 5)
    assert path.stat().st_mtime_ns == written
    path.unlink()
    with pytest.raises(ConfigError, match="was made with iterations 1, the experiment now says 2"):
        run_experiment(suite, replace(short, iterations=2), 5)


SHORT = {
    "sampling": {"num_images_per_prompt": 2, "num_steps": 2},
    "gallery": {"num_prompts": 1, "num_images_per_prompt": 1},
}


def test_a_claim_is_one_processs_until_it_ends(tmp_path):
    lock = tmp_path / "locks" / "run"
    other = (
        "from pathlib import Path\nfrom benchmarks.paper.claims import claim\n"
        f"with claim(Path({str(lock)!r})) as is_ours: print(is_ours)"
    )

    def ask():
        return subprocess.check_output([sys.executable, "-c", other], text=True).strip()

    with claim(lock) as is_ours:
        assert is_ours
        assert ask() == "False"
    assert ask() == "True"


def test_a_record_has_four_digits_and_roles_for_places(tmp_path):
    value = {"reward /some/where": 1 / 3, "reward_std /some/where": [2 / 3], "kl": 12345.6}
    write_record(tmp_path / "a.json", {"experiment": "a", "seed": 0} | value, {"/some/where": "r"})
    (kept,) = read_records(tmp_path)["a"]
    assert kept == {"experiment": "a", "seed": 0, "r": 0.3333, "std of r": [0.6667], "kl": 12350}


def test_smoothing_looks_back_only():
    assert smoothed([1.0, 3.0, 5.0, 7.0], 2) == [1.0, 2.0, 4.0, 6.0]
    assert smoothed([1.0, 3.0], 5) == [1.0, 2.0]


def test_images_until_an_alignment_count_whole_windows_only():
    run = record("dpok", 0, 0.5)
    assert run["curve"]["alignment"] == [0.1, 0.2, 0.5]
    found = [images_until(run, alignment) for alignment in (0.05, 0.15, 0.16, 0.35, 0.36)]
    assert found == [384, 384, 576, 576, None]


def test_tables_and_figures_are_made_from_records(tmp_path):
    values = {"dpok": (0.5, 0.6), "supervised": (0.4, 0.4), "many": (0.7, 0.7)}
    values |= {"many-supervised-kl-d": (0.6,)}
    values |= {"parity": (0.25, 0.3), "single-color": (0.9, 0.8)}
    records = {
        name: [record(name, seed, value) for seed, value in enumerate(of_name)]
        for name, of_name in values.items()
    }
    by_name = make_tables(records)
    assert set(by_name) == {
        "methods", "unseen", "signs", "presets", "reach", "caution", "rare", "single", "many"
    }  # fmt: skip
    assert by_name["presets"].count("\n") == 3  # the head, a rule, the base and parity
    tables = "\n".join(by_name.values())
    assert "| dpok | 576 x 2 | .550 (.500 to .600) |" in tables
    assert "| base | 0 | .250 |" in tables
    assert "| a green rabbit | .250 | .850 (.800 to .900) | .550 (.500 to .600) |" in tables
    assert "| 16 unseen prompts: many | .350 (.350 to .350) |" in tables
    assert "| 111 trained prompts: many-supervised-kl-d | .600 |" in tables
    assert "| parity | 576 x 2 | .275 (.250 to .300) |" in tables
    assert "| parity | 576 | .275 (.250 to .300) | 576, 576 |" in by_name["reach"]
    assert "| 2.50 " in tables.split("distance to the base, hundredths")[1]
    assert "dpok-value" not in tables
    assert "dpok: seeds 0, 1" in progress(records)
    assert make_tables({})["many"] == "Not run yet."
    for draw in (draw_frontier, draw_presets):
        draw(records, tmp_path / "figure.png")
        assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")


def test_a_documents_tables_are_renewed_and_nothing_else(tmp_path):
    document = tmp_path / "results.md"
    text = "Before.\n<!-- table many -->\n{}<!-- end of table -->\nAfter.\n"
    text += "<!-- table other -->\n<!-- end of table -->\n"
    document.write_text(text.format(""))
    for table in ("| a |\n| --- |", "| b |"):
        fill(document, {"many": table})
        assert document.read_text() == text.format(table + "\n")
    with pytest.raises(ConfigError, match="0 places for the table few; expected one, <!-- table"):
        fill(document, {"few": "| c |"})
    assert document.read_text() == text.format("| b |\n")


@pytest.mark.parametrize(
    ("module", "arguments", "said"),
    [
        ("benchmarks.paper", ["--experiments", "dpokk"], "no 'dpokk'; expected some of dpok,"),
        ("benchmarks.paper.write", ["--results", "nowhere"], "nowhere holds no records"),
        (
            "benchmarks.learning",
            ["--experiments", "curves"],
            "no 'curves'; expected some of curve,",
        ),
        ("benchmarks.learning.write", ["--results", "nowhere"], "nowhere holds no records"),
    ],
)
def test_what_is_not_there_is_one_line(module, arguments, said):
    ended = subprocess.run(
        [sys.executable, "-m", module, *arguments], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert said in ended.stderr
    assert ended.stderr.count("\n") == 1
