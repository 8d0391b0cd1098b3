"""`python -m benchmarks.refit`: fits of a head, with features computed and with features kept.

On the emoji world's CLIP and real PNGs of few colours, through the store, a snapshot and the
features that a workspace keeps. Each fit is a process of its own; the first of a workspace is cold.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.config_file import dump_yaml, parse
from data.entry import run_command
from data.files import write_atomically
from data.workspace import Workspace
from emoji_world.assets import clip_path
from reward_training.config import FitConfig, ModelConfig, TrainingConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class RefitConfig:
    """What is fitted."""

    num_pairs: tuple[int, ...] = (2_000, 5_000, 50_000)
    """Comparisons, two images each; a workspace for each number."""
    num_warm: int = 2
    """Fits of each kind with all features kept."""
    runs: Path = Path("runs/refit")
    """Folder of the workspaces, which take long to make and are used again."""
    results: Path = Path("benchmarks/results/refit.json")
    """File of the figures."""

    def __post_init__(self) -> None:
        for name, numbers in (("num_pairs", self.num_pairs), ("num_warm", (self.num_warm,))):
            if min(numbers) < 1:
                raise ValueError(f"{name}: expected at least 1, got {min(numbers)}")


def main() -> None:
    """Plant, fit, print and write."""
    config = parse(
        RefitConfig,
        sys.argv[1:],
        prog="python -m benchmarks.refit",
        description="Say what a fit of a head takes, cold and warm.",
    )
    config.runs.mkdir(parents=True, exist_ok=True)
    rows = [row for number in config.num_pairs for row in measure(config, number)]
    figures = {"cpus": os.cpu_count(), "threads": os.environ.get("OMP_NUM_THREADS"), "rows": rows}
    write_atomically(config.results, json.dumps(figures, indent=1) + "\n")


def measure(config: RefitConfig, num_pairs: int) -> list[dict[str, Any]]:
    """Return the figures of one cold fit, and of warm ones with one fold and with all."""
    from benchmarks.refit.plant import plant

    root = config.runs / f"pairs-{num_pairs}"
    if not root.exists():
        with tempfile.TemporaryDirectory(dir=config.runs) as aside:
            plant(Path(aside) / "workspace", num_pairs)
            (Path(aside) / "workspace").rename(root)
    shutil.rmtree(Workspace(root).features, ignore_errors=True)
    warm = [("warm, one fold", False), ("warm, every fold", True)] * config.num_warm
    return [
        _fit_apart(root, cross_validate, about={"pairs": num_pairs, "fit": of})
        for of, cross_validate in [("cold, one fold", False), *warm]
    ]


def _fit_apart(root: Path, cross_validate: bool, *, about: dict[str, Any]) -> dict[str, Any]:
    """Fit in another process, and print and return what it took."""
    settings = FitConfig(
        backbone=str(clip_path()),
        model=ModelConfig(train="head", head="mlp"),
        training=TrainingConfig(device="cpu", cross_validate=cross_validate),
    )
    load = round(os.getloadavg()[0], 1)
    with tempfile.TemporaryDirectory() as folder:
        config, out = Path(folder) / "config.yaml", Path(folder) / "reward"
        dump_yaml(settings, config)
        words = [sys.executable, "-m", "benchmarks.refit.once", str(root), str(config), str(out)]
        done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    row = about | {"load_before": load} | json.loads(done.stdout)
    print(  # noqa: T201
        f"{row['pairs']} pairs, {row['fit']}: {row['seconds']} s (processor {row['cpu_seconds']}"
        f" s), peak {row['peak_mb']} MB, of which {row['imported_mb']} MB before",
        flush=True,
    )
    return row


if __name__ == "__main__":
    run_command(main)
