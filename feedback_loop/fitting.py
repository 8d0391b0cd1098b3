"""The fit of a round: a reward model of all comparisons so far."""

import re
from pathlib import Path

from data.records import RewardModel
from data.snapshot import Snapshot, take_snapshot
from data.workspace import Workspace
from feedback_loop.loop import Loop
from feedback_loop.seeds import round_seed
from feedback_loop.world import backbone_of


def fit_round(loop: Loop, number: int) -> dict[str, object]:
    """Fit the round's reward model on all comparisons so far and put it on record.

    A fit that was cut short goes on; a finished one is left as it is, whatever was compared since.
    Returns what the round notes.
    """
    from reward_training.fitting import fit

    workspace, name = loop.workspace, name_of_round(number)
    config = loop.config.fit_config(
        backbone=backbone_of(loop.config), name=name, round_seed=round_seed(loop.config, number)
    )
    out = workspace.rewards / name
    result = fit(config, _snapshot(workspace, out), out=out)
    snapshot = result.snapshot
    loop.store.add_reward_model(
        RewardModel(
            name=name,
            snapshot=snapshot,
            path=result.path.relative_to(workspace.root).as_posix(),
            metrics=result.metrics_on_record,
            round=number,
        )
    )
    return {"reward_model": name, "snapshot": snapshot}


def _snapshot(workspace: Workspace, out: Path) -> Snapshot:
    """Return the snapshot of a fit that is finished already, else one of the present."""
    from reward_training.folder import read_metrics

    if out.exists():
        return Snapshot.open(workspace.snapshots / read_metrics(out)["snapshot"])
    return take_snapshot(workspace)


def name_of_round(number: int) -> str:
    """Return what a round's reward model, run and policy are called."""
    return f"round-{number}"


def is_of_rounds(name: str) -> bool:
    """Return whether some round's reward model, run and policy are called that."""
    return re.fullmatch(r"round-\d+", name) is not None
