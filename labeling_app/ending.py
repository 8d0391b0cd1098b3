"""What a rater reads when nothing is left to compare, and what to do next."""

from dataclasses import dataclass
from pathlib import Path

from labeling_app.next_command import typed
from labeling_app.progress import Progress


@dataclass(frozen=True, kw_only=True, slots=True)
class Ending:
    """A friendly end state."""

    title: str
    text: str
    command: str


def ending(progress: Progress, rater: str, root: Path) -> Ending:
    """Say why there is no pair, and which command makes more."""
    command = typed("round", root)
    if progress.num_seats == 0:
        return Ending(
            title="No pairs yet",
            text="This workspace holds no images to compare. The next round makes some:",
            command=command,
        )
    what = "the study" if progress.is_of_studies else f"round {progress.round}"
    if progress.num_answered < progress.num_seats:
        return Ending(
            title=f"Nothing is left for you just now. Thank you, {rater}!",
            text=f"The last pairs of {what} are with other raters, or wait for a"
            " second opinion. Whatever they leave comes back here.",
            command="",
        )
    is_learned_from = not progress.is_of_studies
    there = f"All {progress.num_seats} answers of {what} are there."
    if progress.num_skipped:
        pairs = "1 pair" if progress.num_skipped == 1 else f"{progress.num_skipped} pairs"
        there = f"You skipped {pairs} of {what}; all other answers are there."
    return Ending(
        title=f"That was the last one. Thank you, {rater}!",
        text=there + " The next round learns from them:" * is_learned_from,
        command=command * is_learned_from,
    )
