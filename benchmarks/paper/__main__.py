"""`python -m benchmarks.paper`: the paper's experiments in miniature, on the emoji world.

Fits two rewards to simulated comparisons, then tunes and measures every experiment with every seed.
A run's record appears as soon as it is done; what is done is skipped, a killed run goes on, and a
second process started beside the first shares the work.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.paper.experiments import EXPERIMENTS, Experiment
from data.config_file import parse
from data.entry import run_command
from data.errors import ConfigError


@dataclass(frozen=True, kw_only=True, slots=True)
class PaperConfig:
    """What is run, and where it lies."""

    experiments: tuple[str, ...] = ()
    """Names of those to run; if none, all, the more important ones first."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds of each; all experiments have the first before any has the second."""
    out: Path = Path("runs/paper")
    """Folder of comparisons, rewards, runs and evaluations."""
    results: Path = Path("benchmarks/results/paper")
    """Folder of the records, a file per run."""
    num_comparisons: int = 2400
    """Simulated comparisons that each of the two rewards is fitted to."""


def main() -> None:
    """Run what is missing, then draw the figures and renew the tables of docs/results.md."""
    config = parse(
        PaperConfig,
        sys.argv[1:],
        prog="python -m benchmarks.paper",
        description="Repeat the paper's experiments on the emoji world.",
    )
    wanted = _choose(config.experiments)
    # torch takes seconds to import, which --help and a mistyped name need not wait for.
    from benchmarks.paper.suite import open_suite, run_experiment
    from benchmarks.paper.write import WriteConfig, write_all

    suite = open_suite(config.out, config.results, config.num_comparisons)
    for seed in config.seeds:
        for experiment in wanted:
            run_experiment(suite, experiment, seed)
    write_all(WriteConfig(results=config.results))


def _choose(names: tuple[str, ...]) -> list[Experiment]:
    known = [experiment.name for experiment in EXPERIMENTS]
    for name in names:
        if name not in known:
            raise ConfigError(f"experiments: no {name!r}; expected some of {', '.join(known)}")
    return [each for each in EXPERIMENTS if not names or each.name in names]


if __name__ == "__main__":
    run_command(main)
