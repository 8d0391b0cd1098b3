"""`python -m benchmarks.taste`: the demo and its control over several seeds.

Writes `<out>/seed-<n>/` (demo and control workspaces), a results file and, for the first seed, the
README's picture. What is finished is not done again.
"""

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path

from data.config_file import parse
from data.entry import run_command
from data.files import write_atomically
from feedback_loop.config import LoopConfig, MeasureConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class TasteConfig:
    """What is repeated, and how closely it is looked at."""

    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds of the demo; the control of each has the same."""
    out: Path = Path("runs/taste")
    """Folder of the workspaces."""
    results: Path = Path("benchmarks/results/taste.json")
    """File of the figures."""
    picture: Path = Path("docs/before-after.png")
    """The README's picture, from the first seed."""
    measure: MeasureConfig = field(default_factory=lambda: MeasureConfig(num_images_per_prompt=24))
    """More images than the demo's own measurement, for narrower intervals."""


def main() -> None:
    """Run what is missing, then write figures and picture."""
    config = parse(
        TasteConfig,
        sys.argv[1:],
        prog="python -m benchmarks.taste",
        description="Repeat the demo and its control (RL on untouched CLIP similarity).",
    )
    from benchmarks.taste.figures import seed_figures
    from benchmarks.taste.picture import draw_picture

    rows = []
    for seed in config.seeds:
        loop, control = run_seed(config, seed)
        rows.append(seed_figures(loop, control))
        if seed == config.seeds[0]:
            draw_picture(loop, control, config.picture)
    write_atomically(config.results, json.dumps({"seeds": rows}, indent=1) + "\n")


def run_seed(config: TasteConfig, seed: int):  # noqa: ANN201  (a type here would import torch)
    """Run one seed's demo and control and return their workspaces."""
    from benchmarks.taste.control import tune_control
    from feedback_loop.demo import run_demo
    from feedback_loop.loop import create_loop

    folder = config.out / f"seed-{seed}"
    loop = create_loop(folder / "demo", LoopConfig(seed=seed, measure=config.measure))
    run_demo(loop, 1)
    return loop, tune_control(loop, folder / "control")


if __name__ == "__main__":
    run_command(main)
