"""`python -m benchmarks.learning`: what comparisons teach a reward of the emoji world.

The base's images of many prompts are drawn once; simulated raters with 15 % flips compare pairs of
them, and rewards are fitted. A cell's file appears when it is done; what is done is skipped.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from data.config_file import parse
from data.entry import run_command
from data.errors import ConfigError
from data.files import write_atomically


@dataclass(frozen=True, kw_only=True, slots=True)
class LearningConfig:
    """What is run, and where it lies."""

    experiments: tuple[str, ...] = ()
    """Some of curve, raters, ties and active; if none, all."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds of pairs, answers and fits; the images are the same for all."""
    out: Path = Path("runs/learning")
    """Folder of the images."""
    results: Path = Path("benchmarks/results/learning")
    """Folder of the records, a file per cell."""
    figures: Path = Path("docs")
    """Folder of the figure."""
    document: Path = Path("docs/results.md")
    """Markdown with places for the tables."""


def main() -> None:
    """Run what is missing, then renew tables and figure of docs/results.md."""
    config = parse(
        LearningConfig,
        sys.argv[1:],
        prog="python -m benchmarks.learning",
        description="Fit rewards to simulated comparisons: how many, whose, which, and how.",
    )
    from benchmarks.learning.experiments import EXPERIMENTS, cells
    from benchmarks.learning.fits import Bench
    from benchmarks.learning.pool import open_pool
    from benchmarks.learning.write import WriteConfig, write_all

    for name in config.experiments:
        if name not in EXPERIMENTS:
            raise ConfigError(
                f"experiments: no {name!r}; expected some of {', '.join(EXPERIMENTS)}"
            )
    bench = Bench(open_pool(config.out / "pool.safetensors"))
    for seed in config.seeds:
        for experiment in config.experiments or EXPERIMENTS:
            for cell in cells(experiment, seed):
                file = config.results / f"{cell.name}.json"
                if not file.exists():
                    about = {"experiment": experiment, "variant": cell.variant, "seed": seed}
                    record = about | {"steps": list(cell.make(bench))}
                    write_atomically(file, json.dumps(record, indent=1) + "\n")
    write_all(WriteConfig(results=config.results, figures=config.figures, document=config.document))


if __name__ == "__main__":
    run_command(main)
