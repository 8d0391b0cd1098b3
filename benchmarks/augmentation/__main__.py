"""`python -m benchmarks.augmentation`: `training.augment` off and on, on the emoji world.

Simulated raters with 15 % flips answer about pairs of the pool of `benchmarks.learning`; fits with
and without augmentation see the same answers in the same order, for the same number of updates.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from data.config_file import parse
from data.entry import run_command
from reward_training.config import ModelConfig, TrainedPart


@dataclass(frozen=True, kw_only=True, slots=True)
class AugmentationConfig:
    """What is fitted."""

    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds of pairs, answers and fits; the images are the same for all."""
    comparisons: int = 600
    """Answers that are learned from."""
    train: TrainedPart = "last"
    """What is trained; with last, half of both towers."""
    pool: Path = Path("runs/learning/pool.safetensors")
    """The images, drawn where there are none yet."""


def main() -> None:
    """Fit, and print a row of the table as soon as it is there."""
    config = parse(
        AugmentationConfig,
        sys.argv[1:],
        prog="python -m benchmarks.augmentation",
        description="Fit rewards with and without augmented images.",
    )
    from benchmarks.augmentation.fits import both_ways
    from benchmarks.learning.fits import Bench
    from benchmarks.learning.pool import open_pool

    bench, model = Bench(open_pool(config.pool)), ModelConfig(train=config.train, blocks=0.5)
    print("| seed | augmented | right on compared prompts | right on unseen prompts |")  # noqa: T201
    print("| --- | --- | --- | --- |")  # noqa: T201
    for seed in config.seeds:
        for augment, compared, unseen in both_ways(bench, model, config.comparisons, seed):
            said = "yes" if augment else "no"
            print(f"| {seed} | {said} | {compared:.3f} | {unseen:.3f} |", flush=True)  # noqa: T201


if __name__ == "__main__":
    run_command(main)
