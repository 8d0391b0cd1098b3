"""From comparisons to a reward model: `python -m reward_training.fit`, then `load(folder)`."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reward_training.combined import CombinedReward
    from reward_training.model import LearnedReward


def load(path: Path | str, device: str = "cpu") -> "LearnedReward | CombinedReward":
    """Open a fitted reward model's folder, or as FOLDER@OUTPUT one of its outputs.

    `RewardError` in one line where that cannot be done. torch is imported here and not with the
    package, so that commands start at once.
    """
    from reward_training.folder import open_address

    return open_address(str(path), device)
