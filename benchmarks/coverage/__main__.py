"""`python -m benchmarks.coverage`: how often 95 % intervals hold the truth.

Simulates raters of known tastes and mistakes, takes the intervals that the labelling app's
statistics give, and counts. Needs no workspace; some minutes on one core.
"""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from data.config_file import parse
from data.entry import run_command
from data.files import write_atomically


@dataclass(frozen=True, kw_only=True, slots=True)
class CoverageConfig:
    """How often each setting is drawn."""

    num_draws: int = 2000
    seed: int = 0
    results: Path = Path("benchmarks/results/coverage.json")
    """File of the figures."""

    def __post_init__(self) -> None:
        if self.num_draws < 1:
            raise ValueError(f"num_draws: expected at least 1, got {self.num_draws}")


def main() -> None:
    """Draw, count, print a table and write the figures."""
    config = parse(
        CoverageConfig,
        sys.argv[1:],
        prog="python -m benchmarks.coverage",
        description="Say how often 95 % intervals of the statistics of rating hold the truth.",
    )
    from benchmarks.coverage.measure import measure_coverage
    from benchmarks.coverage.studies import all_studies
    from benchmarks.coverage.table import line_of

    found: list[dict[str, object]] = []
    for study in all_studies():
        for each in measure_coverage(study, config.num_draws, config.seed):
            sys.stdout.write(line_of(each) + "\n")
            found.append(asdict(each))
        sys.stdout.flush()
    write_atomically(config.results, json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    run_command(main)
