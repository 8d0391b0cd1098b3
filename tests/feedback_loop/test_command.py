"""The command line: quick help, one clear line for every mistake, nothing half-written."""

import errno
import os
import re
import resource
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from data.config_file import dump_yaml
from data.duckdb_log import kept_logs
from data.entry import run_command
from data.errors import ConfigError, StoreError, TastemakerError, WorkspaceError
from data.workspace import Workspace
from feedback_loop.__main__ import COMMANDS, dispatch, main
from feedback_loop.commands.arguments import LoopOptions, read_options
from feedback_loop.config import GenerateConfig, LoopConfig
from feedback_loop.hints import hint

ROOT = Path(__file__).parents[2]
HELP_SECONDS = 1.0
"""Of a processor. Other work on the machine only ever adds, so the least of three tries counts."""
CONFIG = "workspace.yaml"


def tastemaker(*words, **environment):
    return subprocess.run(
        [sys.executable, "-m", "feedback_loop", *map(str, words)],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


HELP = """
import sys
from feedback_loop.__main__ import dispatch
try:
    dispatch(sys.argv[1:])
except SystemExit:
    pass
heavy = {"torch", "numpy", "pandas", "pyarrow", "matplotlib", "streamlit", "scipy", "duckdb"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
"""


@pytest.mark.parametrize("command", [None, *COMMANDS])
def test_help_is_quick_and_says_what_for(command, tmp_path):
    tries = (_seconds_of_help(command, tmp_path) for _ in range(3))
    assert any(used < HELP_SECONDS for used in tries)


@pytest.mark.parametrize(("word", "yields"), [("demo", True), ("status", False), (None, False)])
def test_long_work_leaves_the_processor_to_raters(word, yields, monkeypatch, capsys):
    yielded = []
    monkeypatch.setattr("feedback_loop.__main__.let_raters_go_first", lambda: yielded.append(word))
    monkeypatch.setattr("sys.argv", ["tastemaker", *filter(None, [word]), "--help"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert (ended.value.code, yielded) == (0, [word] if yields else [])
    assert "usage: tastemaker" in capsys.readouterr().out


def _seconds_of_help(command, workspace):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-c", HELP, *([command] if command else []), "--help"],
        cwd=ROOT,
        env=os.environ | {"TASTEMAKER_WORKSPACE": str(workspace)},
        capture_output=True,
        text=True,
        check=False,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    assert "--workspace" in done.stdout
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_the_version_is_said():
    done = tastemaker("--version")
    assert done.returncode == 0
    assert done.stdout.startswith("tastemaker 0.")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["rund"], "no command 'rund'; did you mean round?"),
        (["xyz"], "expected one of init"),
        (["status", "--wrkspace", "x"], "unrecognized arguments"),
        (["status", "more"], "unrecognized arguments"),
        (["compare", "base"], "the following arguments are required: B"),
        (["provenance"], "POLICY_OR_IMAGE"),
        (["label", "--port", "many"], "invalid int value"),
        (["round", "--raters", "dogs"], "raters"),
        (["round", "--tune.iteration", "3"], "did you mean --tune.iterations?"),
        (["round", "nowhere.yaml"], "no such file"),
        (["round", "--tune.iterations", "0"], "iterations"),
        (["demo", "--rounds", "0"], "rounds: expected 1 or more"),
        (["export", "x.doc"], "no workspace"),
    ],
)
def test_mistakes_are_said_in_one_line(words, message, tmp_path, monkeypatch):
    monkeypatch.setenv("TASTEMAKER_WORKSPACE", str(tmp_path / "none"))
    with pytest.raises(TastemakerError, match=re.escape(message)):
        dispatch(words)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["status"],
        ["round"],
        ["generate"],
        ["fit"],
        ["tune"],
        ["report"],
        ["label"],
        ["compare", "a", "b"],
        ["provenance", "base"],
        ["export", "x.csv"],
        ["import", "x.csv"],
    ],
)
def test_a_missing_workspace_names_init(words, tmp_path):
    with pytest.raises(WorkspaceError, match="tastemaker init"):
        dispatch([*words, "--workspace", str(tmp_path / "none")])
    assert not (tmp_path / "none").exists()


@pytest.fixture
def two_workspaces(tmp_path, monkeypatch):
    """Stand where `workspace` has 6 pairs a round and `other` 8, and return where that is."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TASTEMAKER_WORKSPACE", raising=False)
    for name, num_pairs in (("workspace", 6), ("other", 8)):
        Workspace.create(Path(name))
        dump_yaml(LoopConfig(generate=GenerateConfig(num_pairs=num_pairs)), Path(name, CONFIG))
    Path("named.yaml").write_text("workspace: other\nseed: 5\n")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "name", "num_pairs"),
    [
        ([], "workspace", 6),
        (["named.yaml"], "other", 8),
        (["named.yaml", "--workspace", "workspace"], "workspace", 6),
        (["--workspace", "workspace", "--workspace", "other"], "other", 8),
        (["--workspace=other", "--workspace=workspace"], "workspace", 6),
    ],
)
@pytest.mark.usefixtures("two_workspaces")
def test_settings_are_those_of_the_workspace_that_is_opened(words, name, num_pairs):
    options = read_options(LoopOptions, words, "round", "")
    assert (options.root, options.generate.num_pairs) == (Path(name), num_pairs)
    assert options.seed == (5 if "named.yaml" in words else 0)


@pytest.mark.usefixtures("two_workspaces")
def test_settings_of_one_workspace_never_lie_under_another():
    with pytest.raises(ConfigError, match="got None and workspace; name it once"):
        read_options(LoopOptions, ["--workspace", "None"], "round", "")


@pytest.mark.parametrize("words", [["status"], ["round"], ["report"], ["provenance", "base"]])
def test_a_corrupt_store_is_one_clear_line(words, tmp_path):
    (tmp_path / "preferences.duckdb").write_bytes(b"not a database" * 500)
    (tmp_path / "workspace.yaml").write_text("seed: 0\n")
    with pytest.raises(StoreError, match="not a readable store"):
        dispatch([*words, "--workspace", str(tmp_path)])


def test_corrupt_settings_are_one_clear_line(loop):
    loop.workspace.config_path.write_text("sed: 3\n")
    with pytest.raises(ConfigError, match="did you mean 'seed'"):
        dispatch(["round", "--workspace", str(loop.workspace.root)])


def test_commands_to_run_next_quote_the_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("TASTEMAKER_WORKSPACE", raising=False)
    root = tmp_path / "sp ace" / "it's"
    words = shlex.split(hint(Workspace(root), "round"))
    assert words == ["tastemaker", "round", "--workspace", str(root)]


def test_an_error_exits_2_and_prints_no_traceback(tmp_path):
    done = tastemaker("status", "--workspace", tmp_path / "none")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1


def test_status_of_an_empty_store(tmp_path, capsys):
    Workspace.create(tmp_path / "w")
    dispatch(["status", "--workspace", str(tmp_path / "w")])
    said = capsys.readouterr().out
    assert "0 by people" in said
    assert "tastemaker init" in said


def test_status_names_a_damaged_log_for_as_long_as_it_is_kept(tmp_path, capsys):
    workspace = Workspace.create(tmp_path / "w")
    log = tmp_path / "w" / "preferences.duckdb.wal"
    log.write_bytes(b"torn")
    words = ["status", "--workspace", str(tmp_path / "w")]
    dispatch(words)
    [kept] = kept_logs(workspace.store_path)
    assert kept.read_bytes() == b"torn"
    assert f"damaged log   {kept}" in capsys.readouterr().out
    for path in (log, kept):
        path.unlink()
    dispatch(words)
    assert "damaged log" not in capsys.readouterr().out


@pytest.mark.parametrize("words", [["round"], ["fit"], ["report"], ["generate"]])
def test_an_empty_store_is_one_clear_line(words, tmp_path):
    Workspace.create(tmp_path / "w")
    with pytest.raises(WorkspaceError, match="tastemaker init"):
        dispatch([*words, "--workspace", str(tmp_path / "w")])


def test_init_twice_changes_nothing_and_other_settings_are_refused(tmp_path, models, capsys):
    words = [
        "init", "--workspace", str(tmp_path / "w"), "--world", "none",
        "--base", str(models / "base"), "--fit.backbone", str(models / "clip"),
        "--prompt-set", str(models / "tiny.yaml"), "--seed", "5",
    ]  # fmt: skip
    dispatch(words)
    before = (tmp_path / "w" / "workspace.yaml").read_bytes()
    dispatch(words)
    dispatch(["init", "--workspace", str(tmp_path / "w")])
    assert (tmp_path / "w" / "workspace.yaml").read_bytes() == before
    assert "next: tastemaker round --workspace" in capsys.readouterr().out
    with pytest.raises(ConfigError, match="other settings"):
        dispatch([*words[:-1], "6"])


@pytest.mark.parametrize("text", ["a" * 10_000, ""])
def test_a_prompt_that_cannot_be_used_makes_no_workspace(text, tmp_path):
    path = tmp_path / "prompts.yaml"
    path.write_text(f"name: x\nprompts:\n  - {{text: '{text}'}}\n")
    with pytest.raises(TastemakerError, match="prompt 1"):
        dispatch(["init", "--workspace", str(tmp_path / "w"), "--prompt-set", str(path)])
    assert not (tmp_path / "w").exists()


def test_a_stage_out_of_turn_says_what_comes_next(loop):
    for stage, message in (("tune", "stands at generate"), ("fit", "stands at generate")):
        with pytest.raises(StoreError, match=message):
            dispatch([stage, "--workspace", str(loop.workspace.root)])


def test_a_second_worker_is_refused(loop):
    from feedback_loop.rounds import at_work_alone

    with at_work_alone(loop), pytest.raises(WorkspaceError, match="another process is at work"):
        dispatch(["round", "--workspace", str(loop.workspace.root)])


def test_the_demo_is_of_the_emoji_world_alone(loop):
    with pytest.raises(ConfigError, match="emoji world"):
        dispatch(["demo", "--workspace", str(loop.workspace.root)])


def test_no_space_for_images_is_one_line_and_nothing_half_written(loop, monkeypatch, capsys):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("data.files.os.fsync", full)
    with pytest.raises(SystemExit) as stopped:
        run_command(lambda: dispatch(["generate", "--workspace", str(loop.workspace.root)]))
    assert stopped.value.code == 2
    assert "no space left on the disk" in capsys.readouterr().err
    assert not [path for path in loop.workspace.images_dir.rglob("*") if path.is_file()]
    assert not loop.store.images()
    monkeypatch.undo()
    dispatch(["generate", "--workspace", str(loop.workspace.root)])
    assert len(loop.store.pairs(1)) == 20


def test_no_space_for_the_store_is_one_line(loop):
    """A limit on the size of files stands in for a full disk: both stop a write in the middle."""
    limited = ["bash", "-c", f'ulimit -f 0; exec "{sys.executable}" -m feedback_loop "$@"', "_"]
    done = subprocess.run(
        [*limited, "generate", "--workspace", str(loop.workspace.root)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert not loop.store.images()
