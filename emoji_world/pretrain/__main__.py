"""`python -m emoji_world.pretrain`: rebuild the world's weights from nothing."""

import sys

from data.config_file import parse
from data.entry import run_command
from emoji_world.pretrain.config import PretrainConfig


def main() -> None:
    """Parse the arguments, then train, ship and measure."""
    config = parse(
        PretrainConfig,
        sys.argv[1:],
        prog="python -m emoji_world.pretrain",
        description="Rebuild the emoji world's weights: about an hour on two CPU cores.",
    )
    pretrain(config)


def pretrain(config: PretrainConfig) -> None:
    """Run the stages in order; each finds what those before it left in the folder."""
    from emoji_world.pretrain.measure import measure
    from emoji_world.pretrain.recipe import train_stage
    from emoji_world.pretrain.ship import ship
    from emoji_world.sprites import load_sheet

    sheet = load_sheet()
    for stage in config.stages:
        if stage == "ship":
            ship(config.out, config.weights, sheet)
        elif stage == "measure":
            measure(config.weights, sheet, num_images=config.num_images)
        else:
            train_stage(stage, sheet, config.out, seed=config.seed, scale=config.scale)


if __name__ == "__main__":
    run_command(main)
