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
    document: Path = Path("docs/results.md")
    """Markdown with places for the tables."""


def main() -> None:
    """Draw the figures, renew the document's tables, and say which runs there are."""
    config = parse(
        WriteConfig,
        sys.argv[1:],
        prog="python -m benchmarks.paper.write",
        description="Make tables and figures from the records of the paper's experiments.",
    )
    write_all(config)


def write_all(config: WriteConfig) -> None:
    """Draw and tabulate what there are records for, and print which there are."""
    from benchmarks.paper.document import fill
    from benchmarks.paper.plots import draw_frontier, draw_presets
    from benchmarks.paper.records import read_records
    from benchmarks.paper.tables import make_tables, progress

    records = read_records(config.results)
    if not records:
        raise ConfigError(
            f"{config.results} holds no records; `python -m benchmarks.paper` makes them"
        )
    draw_frontier(records, config.figures / "paper-frontier.png")
    draw_presets(records, config.figures / "paper-presets.png")
    fill(config.document, make_tables(records))
    print(progress(records), f"written: {config.document}, {config.figures}", sep="\n")  # noqa: T201


if __name__ == "__main__":
    run_command(main)
