"""`python -m benchmarks.aspects`: a reward with two outputs on the emoji world, against the truth.

Simulated raters with 15 % flips answer both questions about pairs of the pool of
`benchmarks.learning`. Every fit has the same number of updates.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from data.config_file import parse
from data.entry import run_command


@dataclass(frozen=True, kw_only=True, slots=True)
class AspectsConfig:
    """What is asked."""

    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds of pairs, answers and fits; the images are the same for all."""
    pairs: int = 2000
    """Pairs about which both questions are asked."""
    pool: Path = Path("runs/learning/pool.safetensors")
    """The images, drawn where there are none yet."""


def main() -> None:
    """Fit, and print a table over the seeds."""
    config = parse(
        AspectsConfig,
        sys.argv[1:],
        prog="python -m benchmarks.aspects",
        description="Fit alignment and quality together and apart, and hold them to the truth.",
    )
    from benchmarks.aspects.fits import fits_of, make_table
    from benchmarks.learning.fits import Bench
    from benchmarks.learning.pool import open_pool

    bench = Bench(open_pool(config.pool))
    print(make_table([fits_of(bench, config.pairs, seed) for seed in config.seeds]))  # noqa: T201


if __name__ == "__main__":
    run_command(main)
