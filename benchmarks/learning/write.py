"""`python -m benchmarks.learning.write`: the tables and the figure, made from the records alone."""

import sys
from dataclasses import dataclass
from pathlib import Path

from data.config_file import parse
from data.entry import run_command
from data.errors import ConfigError


@dataclass(frozen=True, kw_only=True, slots=True)
class WriteConfig:
    """Where the records are, and where figure and tables go."""

    results: Path = Path("benchmarks/results/learning")
    """Folder of the records, a file per cell."""
    figures: Path = Path("docs")
    """Folder of the figure."""
    document: Path = Path("docs/results.md")
    """Markdown with places for the tables."""


def main() -> None:
    """Draw the figure and renew the document's tables."""
    config = parse(
        WriteConfig,
        sys.argv[1:],
        prog="python -m benchmarks.learning.write",
        description="Make tables and a figure from the records of what comparisons teach.",
    )
    write_all(config)


def write_all(config: WriteConfig) -> None:
    """Draw and tabulate what there are records for."""
    from benchmarks.learning.plots import draw_curve
    from benchmarks.learning.tables import make_tables, read_cells
    from benchmarks.paper.document import fill

    records = read_cells(config.results)
    if not records:
        raise ConfigError(
            f"{config.results} holds no records; `python -m benchmarks.learning` makes them"
        )
    draw_curve(records, config.figures / "learning-curve.png")
    fill(config.document, make_tables(records))
    print(f"written: {config.document}, {config.figures}")  # noqa: T201


if __name__ == "__main__":
    run_command(main)
