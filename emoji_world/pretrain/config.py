"""The settings with which the shipped weights were made."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Stage = Literal["autoencoder", "judge", "clip", "diffusion", "ship", "measure"]


@dataclass(frozen=True, kw_only=True, slots=True)
class PretrainConfig:
    """Rebuild the emoji world: draw scenes, train four networks, ship them, measure them."""

    out: Path = Path("runs/emoji_world")
    """Folder of checkpoints, logs and sample grids; an interrupted training goes on from it."""

    weights: Path = Path("runs/emoji_world/weights")
    """Folder that the finished weights are shipped to; the package's own is emoji_world/weights."""

    stages: tuple[Stage, ...] = ("autoencoder", "judge", "clip", "diffusion", "ship", "measure")
    """What to do; a finished stage is skipped."""

    seed: int = 0
    """Seed of every batch and every initial weight."""

    scale: float = 1.0
    """Factor on the number of updates; 0.01 tries the whole chain in minutes."""

    num_images: int = 40
    """Images per prompt when the finished model is measured."""

    def __post_init__(self) -> None:
        if self.scale <= 0:
            raise ValueError(f"scale must be positive, got {self.scale}")
        if self.num_images < 1:
            raise ValueError(f"num_images must be at least 1, got {self.num_images}")
