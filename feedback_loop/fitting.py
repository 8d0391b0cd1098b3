"""The fit of a round: a reward model of all comparisons so far."""

import re
from pathlib import Path

from data.records import RewardModel
from data.snapshot import Snapshot
from feedback_loop.begun_fit import snapshot_to_fit
from feedback_loop.loop import Loop
from feedback_loop.seeds import round_seed
from feedback_loop.world import backbone_of


def fit_round(loop: Loop, number: int) -> dict[str, object]:
    """Fit the round's reward model on all comparisons so far and put it on record.

    A fit that was cut short goes on with what it began with; a finished one is left as it is,
    whatever was compared since. Returns what the round notes.
    """
    from reward_training.fitting import fit

    workspace, name = loop.workspace, name_of_round(number)
    config = loop.config.fit_config(
        backbone=backbone_of(loop.config), name=name, round_seed=round_seed(loop.config, number)
    )
    out = workspace.rewards / name
    begun = _fitted_snapshot(loop, out) or snapshot_to_fit(loop, number, config, out)
    result = fit(config, begun, out=out)
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


def _fitted_snapshot(loop: Loop, out: Path) -> Snapshot | None:
    """Return the snapshot of a fit that is finished already; None where there is none."""
    from reward_training.folder import read_metrics

    if not out.exists():
        return None
    return Snapshot.open(loop.workspace.snapshots / read_metrics(out)["snapshot"])


def name_of_round(number: int) -> str:
    """Return what a round's reward model, run and policy are called."""
    return f"round-{number}"


def is_of_rounds(name: str) -> bool:
    """Return whether some round's reward model, run and policy are called that."""
    return re.fullmatch(r"round-\d+", name) is not None


def fitted_to(model: RewardModel) -> dict[str, int]:
    """Return how many comparisons a reward model was fitted to, by kind of rater."""
    return model.metrics.get("comparisons", {}).get("by_rater_kind", {})


def fitted_words(model: RewardModel) -> str:
    """Say the same."""
    kinds = sorted(fitted_to(model).items())
    return ", ".join(f"{count} {kind}" for kind, count in kinds) or "no"
