"""`python -m benchmarks.latency`: time from a key to the next pair on the screen, in Chromium.

The real app over a real DuckDB file. A pair is on the screen when both of its images are decoded;
the clock is the browser's.
"""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from data.config_file import parse
from data.entry import run_command
from data.files import write_atomically
from rl_finetune.validation import require


@dataclass(frozen=True, kw_only=True, slots=True)
class LatencyConfig:
    """What is rated, and how often."""

    sizes: tuple[int, ...] = (64, 512, 2048)
    """Sides of the images in pixels, a workspace each."""
    num_presses: int = 40
    """Keys pressed at each size, after two that warm up."""
    pause_s: float = 0.8
    """Time that a rater looks at a pair."""
    results: Path = Path("benchmarks/results/latency.json")
    """File of the figures."""

    def __post_init__(self) -> None:
        require(self.num_presses >= 4, "num_presses", self.num_presses, ">= 4")
        require(all(8 <= size <= 4096 for size in self.sizes), "sizes", self.sizes, "8 to 4096")


def main() -> None:
    """Press, time, print and write."""
    config = parse(
        LatencyConfig,
        sys.argv[1:],
        prog="python -m benchmarks.latency",
        description="Say how long a rater waits for the next pair.",
    )
    from benchmarks.latency.pressing import describe, time_presses

    load = os.getloadavg()[0]
    rows = [
        describe(size, time_presses(size, config.num_presses, config.pause_s))
        for size in config.sizes
    ]
    for row in rows:
        print(row["said"])  # noqa: T201
    figures = {"load_before": round(load, 1), "cpus": os.cpu_count(), "rows": rows}
    write_atomically(config.results, json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    run_command(main)
