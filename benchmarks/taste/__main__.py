"""`python -m benchmarks.taste`: the demo and its controls over several seeds.

Writes `<out>/seed-<n>/` (workspaces of demo and controls), a results file and, of the first seed,
the README's picture. What is finished is not done again.
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
    """Seeds of the demo; the controls of each have the same."""
    out: Path = Path("runs/taste")
    """Folder of the workspaces."""
    results: Path = Path("benchmarks/results/taste.json")
    """File of the figures."""
    picture: Path = Path("docs/before-after.png")
    """The README's picture, from the first seed."""
    measure: MeasureConfig = field(default_factory=lambda: MeasureConfig(num_images_per_prompt=24))
    """More images than the demo's own measurement, for narrower intervals."""


def main() -> None:
    """Run what is missing, write figures and picture, and print docs/results.md's tables."""
    config = parse(
        TasteConfig,
        sys.argv[1:],
        prog="python -m benchmarks.taste",
        description="Repeat the demo and its controls (RL on rewards without comparisons).",
    )
    from benchmarks.taste.figures import seed_figures
    from benchmarks.taste.picture import draw_picture
    from benchmarks.taste.tables import make_tables

    rows = []
    for seed in config.seeds:
        demo, controls = run_seed(config, seed)
        rows.append(seed_figures(demo, controls))
        if seed == config.seeds[0]:
            draw_picture(demo, controls, config.picture)
    write_atomically(config.results, json.dumps({"seeds": rows}, indent=1) + "\n")
    print(make_tables(rows))  # noqa: T201


def run_seed(config: TasteConfig, seed: int):  # noqa: ANN201  (a type here would import torch)
    """Run one seed's demo and controls and return their workspaces."""
    from benchmarks.taste.control import tune_controls
    from feedback_loop.demo import run_demo
    from feedback_loop.loop import create_loop

    folder = config.out / f"seed-{seed}"
    loop = create_loop(folder / "demo", LoopConfig(seed=seed, measure=config.measure))
    run_demo(loop, 1)
    return loop, tune_controls(loop, folder / "controls")


if __name__ == "__main__":
    run_command(main)
