"""What a workspace's world supplies where the configuration names nothing else.

Nothing else opens `emoji_world`, and only for a workspace whose world is "emoji".
"""

from pathlib import Path
from typing import TYPE_CHECKING

from data.errors import ConfigError
from feedback_loop.config import LoopConfig

_EMBEDDED = ("emoji_world", "weights", "base")

if TYPE_CHECKING:
    from emoji_world.judge import Judge
    from emoji_world.raters import SimulatedRater


def base_of(config: LoopConfig) -> str:
    """Return the folder or hub id of the image model that all policies start from."""
    if config.base:
        return config.base
    from emoji_world.assets import base_path

    return str(base_path())


def is_same_base(recorded: str, now: str) -> bool:
    """Return whether a base on record is the one that the settings name now.

    However its path is spelled. A folder that was moved is known by its name, and the emoji world's
    by where it lies in the package, of which another copy may have made the workspace. Before it
    draws, its weights are looked at too: see `known_base`.
    """
    before, after = Path(recorded), Path(now)
    if recorded == now or (before.exists() and before.resolve() == after.resolve()):
        return True
    if before.parts[-3:] == after.parts[-3:] == _EMBEDDED:
        return True
    was_moved = before.is_absolute() and not before.exists()
    return was_moved and before.name == after.name


def backbone_of(config: LoopConfig) -> str:
    """Return the CLIP that rewards are fitted on and measured against."""
    if config.fit.backbone:
        return config.fit.backbone
    from emoji_world.assets import clip_path

    return str(clip_path())


def judge_of(config: LoopConfig) -> "Judge | None":
    """Open the world's judge; None where nobody knows the truth."""
    if config.world != "emoji":
        return None
    from emoji_world.judge import Judge

    return Judge.load()


def simulated_raters(config: LoopConfig) -> "list[SimulatedRater]":
    """Make the simulated raters; the sides that they favour take turns."""
    if config.world != "emoji":
        raise ConfigError(
            "simulated raters know only the emoji world; let people compare: "
            "`tastemaker round --raters people`"
        )
    from emoji_world.raters import SimulatedRater

    told = config.simulated
    return [
        SimulatedRater(
            name=f"simulated-{number + 1}",
            flip_rate=told.flip_rate,
            side_bias=told.side_bias if number % 2 == 0 else -told.side_bias,
            seconds=told.seconds,
        )
        for number in range(told.num_raters)
    ]
