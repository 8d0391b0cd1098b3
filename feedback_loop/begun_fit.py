"""What a round's fit is about: all comparisons so far, or those that it began with.

What a fit has done is worth something to the same comparisons and settings alone, and people go on
comparing while it runs. So the round notes the snapshot that its fit took.
"""

from pathlib import Path

from data.files import digest
from data.records import RoundEvent
from data.snapshot import Snapshot, take_snapshot
from feedback_loop.loop import Loop
from feedback_loop.terminal import say
from reward_training.config import FitConfig

_STAGE = "fit"


def snapshot_to_fit(loop: Loop, number: int, config: FitConfig, out: Path) -> Snapshot:
    """Return the snapshot for the fit that makes the folder `out`, and note it if it is a new one.

    One of before is only gone back to where half-done work lies beside `out`: a fit that was
    refused for want of comparisons must see those that came since.
    """
    settings = digest(config)
    begun = _begun_with(loop, number, settings) if any(out.parent.glob(f".{out.name}.*")) else None
    if begun is not None:
        say(
            f"the fit goes on with the {len(begun.verified_rows)} comparisons that it began with; "
            "later ones are for the next round"
        )
        return begun
    taken = take_snapshot(loop.workspace)
    loop.store.add_round_event(
        RoundEvent(
            round=number,
            stage=_STAGE,
            status="noted",
            detail={"snapshot": taken.hash, "settings": settings},
        )
    )
    return taken


def _begun_with(loop: Loop, number: int, settings: str) -> Snapshot | None:
    """Return the snapshot that was noted last; None where a fit on it could or should not go on."""
    events = loop.store.round_events(number)
    noted = [e.detail for e in events if (e.stage, e.status) == (_STAGE, "noted")]
    if not noted or noted[-1]["settings"] != settings:
        return None
    folder = loop.workspace.snapshots / noted[-1]["snapshot"]
    if not folder.is_dir():
        return None
    snapshot = Snapshot.open(folder)
    return snapshot if _is_still_whole(loop, snapshot) else None


def _is_still_whole(loop: Loop, snapshot: Snapshot) -> bool:
    """Say whether nobody's comparisons in it were erased since, and no image of it was lost."""
    known = {comparison.comparison_id for comparison in loop.store.comparison_events()}
    rows = snapshot.verified_rows
    images = {sha256 for row in rows for sha256 in (row.image_a, row.image_b)}
    return all(row.comparison_id in known for row in rows) and all(
        loop.workspace.image_path(sha256).is_file() for sha256 in images
    )
