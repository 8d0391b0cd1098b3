"""`python -m benchmarks.rewards`: fits of the demo's comparisons by different losses.

Reads the demos that `python -m benchmarks.taste` left, and draws nothing.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from data.config_file import parse
from data.entry import run_command
from data.files import write_atomically


@dataclass(frozen=True, kw_only=True, slots=True)
class RewardsConfig:
    """Which demos are looked at."""

    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds of the demos."""
    runs: Path = Path("runs/taste")
    """Folder in which benchmarks.taste left them."""
    results: Path = Path("benchmarks/results/rewards.json")
    """File of the figures."""


def main() -> None:
    """Fit, look, and write the figures."""
    config = parse(
        RewardsConfig,
        sys.argv[1:],
        prog="python -m benchmarks.rewards",
        description="Compare rewards fitted to a demo's comparisons by different losses.",
    )
    rows = [seed_figures(config, seed) for seed in config.seeds]
    write_atomically(config.results, json.dumps({"seeds": rows}, indent=1) + "\n")


def seed_figures(config: RewardsConfig, seed: int) -> dict[str, object]:
    """Return what every variant's reward of one seed does."""
    from benchmarks.rewards.looks import Pool, look_at
    from benchmarks.rewards.variants import VARIANTS, fit_variant
    from feedback_loop.loop import open_loop

    loop = open_loop(config.runs / f"seed-{seed}" / "demo")
    pool = Pool.of(loop)
    looks = {name: look_at(fit_variant(loop, name), pool) for name in VARIANTS}
    return {"seed": seed, "images": len(pool.images), "rewards": looks}


if __name__ == "__main__":
    run_command(main)
