"""`python -m benchmarks.paper.write`: tables and figures, made from the records alone."""

import sys
from dataclasses import dataclass
from pathlib import Path

from data.config_file import parse
from data.entry import run_command
from data.errors import ConfigError


@dataclass(frozen=True, kw_only=True, slots=True)
class WriteConfig:
    """Where the records are, and where the figures go."""

    results: Path = Path("benchmarks/results/paper")
    """Folder of the records."""
    figures: Path = Path("docs")
    """Folder of the figures."""


def main() -> None:
    """Draw the figures and print docs/results.md's tables."""
    config = parse(
        WriteConfig,
        sys.argv[1:],
        prog="python -m benchmarks.paper.write",
        description="Make tables and figures from the records of the paper's experiments.",
    )
    write_all(config.results, config.figures)


def write_all(results: Path, figures: Path = Path("docs")) -> None:
    """Draw what there are records for, and print which there are and the tables."""
    from benchmarks.paper.plots import draw_frontier, draw_presets
    from benchmarks.paper.records import read_records
    from benchmarks.paper.tables import make_tables, progress

    records = read_records(results)
    if not records:
        raise ConfigError(f"{results} holds no records; `python -m benchmarks.paper` makes them")
    draw_frontier(records, figures / "paper-frontier.png")
    draw_presets(records, figures / "paper-presets.png")
    print(progress(records), make_tables(records), sep="\n\n")  # noqa: T201


if __name__ == "__main__":
    run_command(main)
