"""How a reward model is written: its folder, or one of its outputs as FOLDER@OUTPUT."""

from pathlib import Path


def split_address(text: str) -> tuple[str, str]:
    """Return the folder and the output, which is empty where the folder itself is meant."""
    folder, at, output = text.rpartition("@")
    return (text, "") if not at or Path(text).is_dir() else (folder, output)


def is_reward_model(text: str) -> bool:
    """Say whether the folder is there."""
    folder, _ = split_address(text)
    return bool(folder) and Path(folder).is_dir()


def in_workspace(text: str, rewards: Path) -> str:
    """Put the folder in the place of the name of one of a workspace's reward models."""
    named = str(rewards / text)
    return named if text and is_reward_model(named) else text
