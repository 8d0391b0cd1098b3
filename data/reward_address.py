"""How a reward is written: FOLDER or FOLDER@OUTPUT of a reward model, a sum, or a lower bound."""

import re
from pathlib import Path

PLUS = " + "
"""Between the terms of a sum; with its spaces, for paths may have the sign in them."""
_NUMBER = r"(\d+\.?\d*|\.\d+)"
_WEIGHT = re.compile(rf"\s*(?P<number>-?{_NUMBER}(e-?\d+)?)\s*\*\s*")
_LOWER = re.compile(rf"lower:(?P<number>{_NUMBER}):")


def split_address(text: str) -> tuple[str, str]:
    """Return the folder and the output, which is empty where the folder itself is meant."""
    folder, at, output = text.rpartition("@")
    return (text, "") if not at or Path(text).is_dir() else (folder, output)


def is_reward_model(text: str) -> bool:
    """Say whether the folder is there."""
    folder, _ = split_address(text)
    return bool(folder) and Path(folder).is_dir()


def split_sum(text: str) -> list[tuple[float, str]] | None:
    """Return the terms of a sum with their weights, or None where it is none."""
    terms = text.split(PLUS)
    if len(terms) == 1 and not _WEIGHT.match(text):
        return None
    found = [_split_number(_WEIGHT, term) for term in terms]
    return [(1.0 if weight is None else weight, reward.strip()) for weight, reward in found]


def split_lower(text: str) -> tuple[float, str] | None:
    """Return how many deviations below a reward its lower bound is and the reward, or None."""
    width, reward = _split_number(_LOWER, text)
    return None if width is None else (width, reward)


def in_workspace(text: str, rewards: Path) -> str:
    """Put folders in the place of the names of a workspace's reward models, in sums too."""
    named = str(rewards / text)
    if text and is_reward_model(named):
        return named
    if is_reward_model(text):
        return text
    terms = text.split(PLUS)
    if len(terms) > 1:
        return PLUS.join(in_workspace(term, rewards) for term in terms)
    if before := _WEIGHT.match(text) or _LOWER.match(text):
        return before[0] + in_workspace(text[before.end() :], rewards)
    return text


def _split_number(pattern: re.Pattern[str], text: str) -> tuple[float | None, str]:
    """Return the number that a text begins with, if it does, and what follows."""
    found = pattern.match(text)
    return (float(found["number"]), text[found.end() :]) if found else (None, text)
