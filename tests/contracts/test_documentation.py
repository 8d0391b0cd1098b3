"""What the documents say is so: links lead somewhere, commands exist, versions agree."""

import dataclasses
import json
import re
import shlex
import subprocess
import sys
import tomllib

import pytest
from contracts.line_links import DOCUMENTS, ROOT, wrong_links

from benchmarks.iteration.table import machine_of, make_table
from benchmarks.learning.tables import make_tables as learning_tables
from benchmarks.learning.tables import read_cells
from benchmarks.paper.__main__ import PaperConfig
from benchmarks.paper.document import fill
from benchmarks.paper.records import read_records
from benchmarks.paper.tables import make_tables as paper_tables
from benchmarks.taste.tables import make_tables
from data.config_file import parse
from data.exchange.formats import FORMATS
from feedback_loop.__main__ import COMMANDS
from rl_finetune.evaluated_runs import EvaluateConfig
from rl_finetune.metrics import DpokMetrics, SupervisedMetrics
from rl_finetune.run import PRESETS, RunArguments

README = (ROOT / "README.md").read_text(encoding="utf-8")
ALGORITHM = (ROOT / "docs/algorithm.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)#]+)")
ANCHORED = re.compile(r"\]\(((?!https?:)[^)#\s]*)#([^)]+)\)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_within_the_project_lead_somewhere(document):
    for target in LINK.findall(document.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://")):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def anchors(document):
    """Name a document's headings as GitHub does in links to them."""
    headings = re.findall(r"^#+ +(.*)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    texts = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading) for heading in headings]
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in texts}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_to_headings_lead_to_one(document):
    for path, anchor in ANCHORED.findall(document.read_text(encoding="utf-8")):
        target = document.parent / path if path else document
        if target.suffix == ".md":
            assert anchor in anchors(target), f"{document.name} links to {path}#{anchor}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_to_lines_lead_to_what_they_name(document):
    wrong = list(wrong_links(document))
    said = "\n".join([document.name, *wrong, "`python tests/contracts/line_links.py` mends them"])
    assert not wrong, said


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_explained_with_its_columns_and_what_it_loses(name):
    rows = (ROOT / "docs/exchange.md").read_text("utf-8").splitlines()
    [row] = [row for row in rows if row.startswith(f"| `{name}` |")]
    missing = [lost for lost in FORMATS[name].loses if lost not in row]
    assert not missing, f"docs/exchange.md does not say that {name} loses {', '.join(missing)}"
    known = {*FORMATS[name].schema.names, "image", "rank", "image_path", "raw_annotations"}
    assert set(re.findall(r"`(\w+)`", row.split("|")[4])) <= known


@pytest.mark.parametrize("record", [DpokMetrics, SupervisedMetrics])
def test_every_logged_metric_is_explained(record):
    explained = re.findall(r"^\| `(\w+)` \|", part_of_algorithm("Logged metrics"), re.MULTILINE)
    missing = [each.name for each in dataclasses.fields(record) if each.name not in explained]
    assert not missing, f"{record.__name__}: docs/algorithm.md explains no {', '.join(missing)}"


def test_every_preset_is_named_where_usage_is_explained():
    usage = part_of_algorithm("Usage")
    missing = [each.stem for each in PRESETS.glob("*.yaml") if f"[`{each.stem}`](" not in usage]
    assert not missing, f"docs/algorithm.md names no preset {', '.join(missing)}"


def part_of_algorithm(title):
    return ALGORITHM.split(f"\n## {title}\n")[1].split("\n## ")[0]


@pytest.mark.parametrize(
    ("module", "config"),
    [
        ("rl_finetune.run", RunArguments),
        ("rl_finetune.evaluate", EvaluateConfig),
        ("benchmarks.paper", PaperConfig),
    ],
)
def test_the_options_in_the_algorithms_commands_exist(module, config):
    commands = [words for words in commands_of(ALGORITHM) if module in words]
    assert commands
    for words in commands:
        options = words[words.index(module) + 1 :]
        parse(config, options, prog=module, description="", presets=PRESETS)


def commands_of(document):
    """Return the words of each command that a document shows in a plain block."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", document, re.MULTILINE | re.DOTALL)
    lines = "".join(block for language, block in blocks if not language).replace("\\\n", "")
    return [shlex.split(line) for line in lines.splitlines()]


def test_the_results_are_those_on_file():
    seeds = json.loads((ROOT / "benchmarks/results/taste.json").read_text("utf-8"))["seeds"]
    assert make_tables(seeds) in (ROOT / "docs/results.md").read_text("utf-8")


def test_what_comparisons_teach_is_that_on_file():
    records = read_cells(ROOT / "benchmarks/results/learning")
    results = (ROOT / "docs/results.md").read_text("utf-8")
    assert all(table in results for table in learning_tables(records).values())


def test_the_speed_is_that_on_file():
    figures = json.loads((ROOT / "benchmarks/results/iteration.json").read_text("utf-8"))
    results = (ROOT / "docs/results.md").read_text("utf-8")
    assert make_table(figures) in results
    assert machine_of(figures) in results


def test_the_results_say_whether_a_gpu_was_measured():
    results = (ROOT / "docs/results.md").read_text("utf-8")
    has_figures = (ROOT / "benchmarks/results/gpu.json").exists()
    assert ("`make gpu` has not been run on a GPU yet" in results) != has_figures


def test_a_raters_wait_is_the_one_on_file():
    rows = json.loads((ROOT / "benchmarks/results/latency.json").read_text("utf-8"))["rows"]
    results = (ROOT / "docs/results.md").read_text("utf-8")
    assert all(f"- {row['said']}" in results for row in rows)


def test_what_many_raters_wait_is_the_one_on_file():
    rows = json.loads((ROOT / "benchmarks/results/raters.json").read_text("utf-8")).values()
    labeling = (ROOT / "docs/labeling.md").read_text("utf-8")
    assert {row["store"] for row in rows} == {"DuckDB", "PostgreSQL"}
    assert all(row["said"] in labeling and not row["faults"] for row in rows)


def test_the_papers_tables_are_those_on_file(tmp_path):
    copy = tmp_path / "results.md"
    copy.write_bytes((ROOT / "docs/results.md").read_bytes())
    fill(copy, paper_tables(read_records(ROOT / "benchmarks/results/paper")))
    assert copy.read_text("utf-8") == (ROOT / "docs/results.md").read_text("utf-8")


def test_the_readme_names_the_python_that_is_required():
    minimum = PROJECT["requires-python"].removeprefix(">=")
    assert f"Python {minimum} or newer" in README


def test_every_make_target_in_the_readme_exists():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"(?:^|`)make (\w+)", README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_every_tastemaker_command_in_the_readme_exists():
    named = set(re.findall(r"^tastemaker (\w+)", README, re.MULTILINE))
    assert named
    assert named <= set(COMMANDS)


@pytest.mark.parametrize(
    "command",
    [
        *(["-m", "feedback_loop", name] for name in COMMANDS),
        ["-m", "reward_training.fit"],
        ["-m", "reward_training.learning_curve"],
        ["-m", "rl_finetune.run"],
        ["-m", "emoji_world.pretrain"],
        ["-m", "benchmarks.taste"],
        ["-m", "benchmarks.rewards"],
        ["-m", "benchmarks.variance"],
        ["-m", "benchmarks.signal"],
        ["-m", "benchmarks.pictures"],
        ["-m", "benchmarks.coverage"],
        ["-m", "benchmarks.iteration"],
        ["-m", "benchmarks.gpu"],
        ["-m", "benchmarks.paper"],
        ["-m", "benchmarks.paper.write"],
        ["-m", "benchmarks.latency"],
        ["-m", "benchmarks.refit"],
        ["-m", "benchmarks.raters"],
        ["-m", "rl_finetune.evaluate"],
    ],
    ids=lambda words: " ".join(words[1:]),
)
def test_every_command_has_help(command):
    asked = subprocess.run(
        [sys.executable, *command, "--help"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert asked.returncode == 0, asked.stderr
    assert "usage" in asked.stdout.lower()


def test_no_lock_names_a_host():
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in lock
    pins = [line for line in lock.splitlines() if line and not line.startswith((" ", "#"))]
    assert all("==" in pin for pin in pins)
