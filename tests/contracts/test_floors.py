"""The import floors hold, and the tool that holds them does notice a climb."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONFIG = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES = CONFIG["tool"]["importlinter"]["root_packages"]


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    command = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    return subprocess.run(
        [sys.executable, "-c", command, "--no-cache"],
        cwd=root, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_imports_run_down_the_floors():
    linted = lint_imports(ROOT)
    assert linted.returncode == 0, linted.stdout + linted.stderr


@pytest.mark.parametrize(
    ("file", "climb"),
    [
        ("data/errors.py", "import feedback_loop"),
        ("reward_training/learning/losses.py", "import rl_finetune.config"),
        ("rl_finetune/train.py", "import reward_training.config"),
        ("rl_finetune/config.py", "import emoji_world.assets"),
        ("devices/choice.py", "import reward_training.config"),
        ("labeling_app/__init__.py", "import torch"),
        ("emoji_world/assets.py", "import feedback_loop"),
    ],
)
def test_a_climbing_import_is_noticed(tmp_path, file, climb):
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=_only_code)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    source = tmp_path / file
    source.write_text(f"{source.read_text(encoding='utf-8')}\n{climb}\n", encoding="utf-8")
    linted = lint_imports(tmp_path)
    assert linted.returncode != 0
    assert "BROKEN" in linted.stdout


def _only_code(folder: str, names: list[str]) -> list[str]:
    return [n for n in names if Path(folder, n).is_file() and not n.endswith(".py")]
