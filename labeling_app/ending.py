"""What a rater reads when nothing is left to compare, and what to do next."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from data.workspace import DEFAULT_ROOT
from labeling_app.progress import Progress


@dataclass(frozen=True, kw_only=True, slots=True)
class Ending:
    """A friendly end state."""

    title: str
    text: str
    command: str


def ending(progress: Progress, rater: str, root: Path) -> Ending:
    """Say why there is no pair, and which command makes more."""
    where = "" if root == DEFAULT_ROOT else f" --workspace {shlex.quote(str(root))}"
    command = f"tastemaker round{where}"
    if progress.num_pairs == 0:
        return Ending(
            title="No pairs yet",
            text="This workspace holds no images to compare. The next round makes some:",
            command=command,
        )
    return Ending(
        title=f"That was the last one. Thank you, {rater}!",
        text=f"You have answered all {progress.num_pairs} pairs of round {progress.round}."
        " The next round learns from them:",
        command=command,
    )
