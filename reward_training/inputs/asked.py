"""Which questions a fit learns from: what was asked for, or what a snapshot holds answers to."""

from collections import Counter
from dataclasses import dataclass

from data.errors import RewardError
from data.records import Aspect
from data.snapshot import Snapshot
from reward_training.config import AspectChoice

BOTH = (Aspect.ALIGNMENT, Aspect.QUALITY)
"""Questions of a reward with two outputs, in their order."""


@dataclass(frozen=True)
class Asked:
    """The questions that a fit learns from, an output each."""

    aspects: tuple[Aspect, ...]
    notes: list[str]
    """What was chosen without being told, and what is left out."""


def find_asked(snapshot: Snapshot, choice: AspectChoice) -> Asked:
    """Decide which of a snapshot's comparisons teach, by the question that was asked.

    Told "auto", overall comparisons go first where there are any; without them alignment and
    quality are fitted together, or the one of them that was asked. `RewardError` where both are
    asked for and one is not there.
    """
    rows = [row for row in snapshot.rows() if row.split != "unseen"]
    counts = Counter(row.aspect for row in rows)
    if choice == "both":
        _require_both(snapshot, counts)
        aspects = BOTH
    elif choice != "auto":
        aspects = (Aspect(choice),)
    elif counts[Aspect.OVERALL] or not counts:
        aspects = (Aspect.OVERALL,)
    else:
        aspects = tuple(aspect for aspect in BOTH if counts[aspect])
    return Asked(aspects, _notes(counts, aspects, choice))


def _require_both(snapshot: Snapshot, counts: Counter[Aspect]) -> None:
    if not all(counts[aspect] for aspect in BOTH):
        found = ", ".join(f"{counts[aspect]} on {aspect}" for aspect in Aspect)
        raise RewardError(
            "aspect both: expected comparisons on alignment and on quality of training prompts, "
            f"got {found} in snapshot {snapshot.hash}; ask both questions "
            "(generate.aspects: [alignment, quality]) or fit another --aspect"
        )


def _notes(counts: Counter[Aspect], aspects: tuple[Aspect, ...], choice: AspectChoice) -> list[str]:
    notes = []
    if choice == "auto" and aspects != (Aspect.OVERALL,):
        whose = " and ".join(aspects)
        notes.append(f"fitted to {whose}: no comparison asked which image is better overall")
    others = [each for each in Aspect if counts[each] and each not in aspects]
    left_out = [f"{counts[each]} on {each}" for each in others]
    if choice in ("auto", "both") and left_out:
        notes.append(f"left out: {', '.join(left_out)}; --aspect says which comparisons are used")
    return notes
