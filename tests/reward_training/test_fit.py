"""The command itself, mostly in this process, where torch is imported already."""

import subprocess
import sys

import pytest

from data.entry import run_command
from data.exchange.exporting import export_comparisons
from data.exchange.formats import format_of
from data.exchange.gathering import Origin
from data.exchange.importing import import_table
from data.records import Choice
from data.snapshot import take_snapshot
from data.workspace import Workspace
from reward_training.fit import main

QUICK = [
    "--training.num-updates", "2", "--training.evaluate-every", "1", "--training.batch-size", "4",
    "--training.device", "cpu", "--training.no-cross-validate",
]  # fmt: skip


@pytest.fixture
def command(monkeypatch, capsys):
    """Run the command; return its exit status and what it wrote."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["fit", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            run_command(main)
        said = capsys.readouterr()
        return ended.value.code, said.out, said.err

    return run


def check_refused(result, *words):
    status, out, err = result
    assert status == 2
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    for word in words:
        assert word in err


def test_a_workspace_is_fitted_and_fitted_again_at_once(
    command, clip_folder, tmp_path, plant_workspace
):
    workspace = plant_workspace(tmp_path, pairs_per_prompt=2)
    arguments = ["--workspace", tmp_path, "--backbone", clip_folder, "--name", "mine", *QUICK]
    status, out, _ = command(*arguments)
    assert status == 0
    assert "40 simulated" in out
    assert "untouched CLIP similarity" in out
    assert "human ceiling: not known" in out
    assert "calibration: error" in out
    assert str(workspace.rewards / "mine") in out
    assert command(*arguments)[:2] == (0, out)


def test_what_is_said_of_two_questions(command, clip_folder, tmp_path, two_questions):
    arguments = ["--backbone", clip_folder, *QUICK, "--snapshot"]
    arguments.append(take_snapshot(two_questions).path)
    status, out, _ = command(
        *arguments, "--out", tmp_path / "reward", "--combination.quality", "0.25"
    )
    assert status == 0
    for name in ("alignment", "quality"):
        assert f"{name}: accuracy on" in out
        assert f"{name}: calibration: error" in out
    assert "one number: 0.5 alignment + 0.25 quality, each standardised" in out
    assert "note: fitted to alignment and quality" in out
    refused = [*arguments, "--out", tmp_path / "other"]
    check_refused(command(*refused, "--model.head", "similarity"), "the same order")
    check_refused(command(*refused, "--training.augment"), "model.train text")
    check_refused(command(*refused, "--aspect", "overall"), "no comparisons on overall")
    check_refused(command(*refused, "--combination.quality", "-1"), "0 or more")


def test_a_snapshot_is_fitted_from_a_file_of_settings(command, clip_folder, tmp_path, snapshot):
    settings = tmp_path / "settings.yaml"
    settings.write_text(
        f"backbone: {clip_folder}\ntraining: {{num_updates: 2, learning_rate: 1e-3}}\n"
    )
    arguments = [settings, "--snapshot", snapshot.path, "--out", tmp_path / "reward"]
    status, out, _ = command(*arguments)
    assert status == 0
    assert "reward model reward:" in out
    config = tmp_path / "reward" / "config.yaml"
    status, *_ = command(config, "--out", tmp_path / "again")
    assert status == 0
    first, second = (
        (tmp_path / name / "model.safetensors").read_bytes() for name in ("reward", "again")
    )
    assert first[-1000:] == second[-1000:]


def test_what_cannot_be_fitted_is_refused_in_one_line(
    command, clip_folder, tmp_path, plant_workspace
):
    backbone = ["--backbone", clip_folder]
    check_refused(command(*backbone, "--workspace", tmp_path / "none"), "no workspace")
    Workspace.create(tmp_path / "empty")
    check_refused(command(*backbone, "--workspace", tmp_path / "empty"), "no comparisons")
    one = plant_workspace(tmp_path / "one", ["a bright dog"], pairs_per_prompt=1)
    check_refused(command(*backbone, "--workspace", one.root), "at least 2 prompts")
    prompt = plant_workspace(tmp_path / "prompt", ["a bright dog"], pairs_per_prompt=9)
    check_refused(command(*backbone, "--workspace", prompt.root), "at least 2 prompts")
    ties = plant_workspace(tmp_path / "ties", pairs_per_prompt=1, choose=lambda *_: Choice.TIE)
    check_refused(command(*backbone, "--workspace", ties.root), "ties")
    missing = ["--backbone", tmp_path / "nowhere", "--workspace", one.root]
    check_refused(command(*missing), "at least 2 prompts")


def test_wrong_arguments_are_refused_in_one_line(command, clip_folder, tmp_path, snapshot):
    backbone = ["--backbone", clip_folder]
    planted = ["--snapshot", snapshot.path]
    out = ["--out", tmp_path / "reward"]
    check_refused(command(*planted, *out), "--backbone")
    check_refused(command(*backbone, *planted), "out")
    check_refused(command(*backbone, *planted, *out, "--workspace", tmp_path), "both")
    check_refused(command(*backbone, *out, "--snapshot", tmp_path / "none"), "no snapshot")
    check_refused(command("--backbone", tmp_path, *planted, *out), "no backbone")
    check_refused(command(*backbone, *planted, *out, "--training.num-updates", "0"), "num_updates")
    check_refused(command(*backbone, *planted, *out, "--held-out-fraction", "1"), "held_out")
    check_refused(command(*backbone, *planted, *out, "--model.head", "quadratic"), "head")
    check_refused(
        command(*backbone, *planted, *out, "--model.head", "similarity", "--model.train", "head"),
        "scale alone",
    )
    assert not (tmp_path / "reward").exists()


def test_help_comes_without_torch():
    code = (
        "import sys; sys.argv = ['fit', '--help']\n"
        "from reward_training.fit import main\n"
        "try: main()\n"
        "except SystemExit as stop: assert stop.code in (0, None)\n"
        "heavy = {'torch', 'open_clip', 'transformers', 'duckdb', 'pandas'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--training.num-updates" in done.stdout


def test_the_module_is_a_command():
    done = subprocess.run(
        [sys.executable, "-m", "reward_training.fit", "--nonsense"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


def test_what_was_imported_is_fitted(command, clip_folder, tmp_path, plant_workspace):
    planted = plant_workspace(tmp_path / "planted", pairs_per_prompt=2)
    written = export_comparisons(planted, tmp_path / "out", format_of("trl"))
    imported = Workspace.create(tmp_path / "imported")
    import_table(imported, written.table, format_of("trl"), Origin(source="trl"))
    status, out, _ = command("--workspace", imported.root, "--backbone", clip_folder, *QUICK)
    assert status == 0
    assert f"{sum(written.by_kind.values())} simulated" in out
