"""One fit from beginning to end: a snapshot and a backbone in, a reward model's folder out."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from data.errors import RewardError
from data.files import digest
from data.records import RewardModel
from data.snapshot import Snapshot, take_snapshot
from data.workspace import Workspace
from devices.processes import Processes
from reward_training.combined import CombinedReward
from reward_training.config import FitConfig
from reward_training.describing import describe, measure_outputs
from reward_training.folder import read_metrics, save_reward
from reward_training.inputs.asked import find_asked
from reward_training.inputs.dataset import Comparisons
from reward_training.inputs.outcomes import DECIDED
from reward_training.inputs.split import Fold, make_folds
from reward_training.learning.checkpoint import Checkpoint
from reward_training.learning.joint_training import JointFitting
from reward_training.learning.selection import select
from reward_training.learning.training import Fitting
from reward_training.model import LearnedReward
from reward_training.preparing import comparisons_of, prepare_fitting
from reward_training.towers.backbones import digest_of_source
from reward_training.towers.partly import merge_adapters


@dataclass(frozen=True)
class FitResult:
    """A finished reward model."""

    name: str
    path: Path
    snapshot: str
    """Hash of the snapshot it was fitted on."""
    metrics: dict[str, Any]
    """Content of metrics.json."""
    is_main: bool = True
    """This process is the one that talks, where accelerate launched several."""

    @property
    def metrics_on_record(self) -> dict[str, Any]:
        """What the store keeps: nothing by rater, for it must be able to forget one."""
        kept = _without_raters(self.metrics)
        outputs = kept.get("outputs", {})
        of_outputs = {name: _without_raters(of) for name, of in outputs.items()}
        return kept | ({"outputs": of_outputs} if outputs else {})


def _without_raters(metrics: dict[str, Any]) -> dict[str, Any]:
    kept = {name: of for name, of in metrics.items() if name != "reliability"}
    groups = kept.get("held_out_by", {})
    return kept | {"held_out_by": {name: of for name, of in groups.items() if name != "rater"}}


def fit_in_workspace(config: FitConfig, workspace: Workspace, *, round: int = 0) -> FitResult:  # noqa: A002
    """Take a snapshot of a workspace, fit a reward model on it and put it on record.

    Run again after an interruption, it goes on; run again when finished, it changes nothing. Of
    several processes one reads and writes the store.
    """
    processes = Processes()
    snapshot = processes.from_main(lambda: take_snapshot(workspace))
    result = fit(config, snapshot, out=config.out or workspace.rewards / name_of(config, snapshot))
    model = RewardModel(
        name=result.name,
        snapshot=result.snapshot,
        path=_relative(result.path, workspace.root),
        metrics=result.metrics_on_record,
        round=round,
    )
    processes.from_main(lambda: workspace.store().add_reward_model(model))
    return result


def fit(config: FitConfig, snapshot: Snapshot, *, out: Path) -> FitResult:
    """Fit a reward model on a snapshot and write its folder `out`, whole or not at all.

    If `out` is the finished model of the same fit, that is returned; if it is anything else, a
    `RewardError` is raised and it stays untouched. Half-done work is kept in a hidden folder beside
    `out`, from which the same call goes on with the same result.
    """
    asked = find_asked(snapshot, config.aspect)
    comparisons = comparisons_of(config, snapshot, asked.aspects)
    name = name_of(config, snapshot)
    settings = replace(config, backbone="", workspace=None, snapshot=None, out=None, name=name)
    key = digest([settings, snapshot.hash, digest_of_source(config.backbone)])
    if out.exists():
        return _finished(out, name, snapshot, key)
    unfinished = out.parent / f".{out.name}.fitting"
    try:
        reward, metrics = _fit(config, snapshot, comparisons, unfinished, key)
    except KeyboardInterrupt:
        if not unfinished.exists():
            raise KeyboardInterrupt("nothing was fitted yet; run the same command again") from None
        raise KeyboardInterrupt(
            f"what was fitted so far is kept in {unfinished}; run the same command to go on"
        ) from None
    reward.name, reward.snapshot = name, snapshot.hash
    metrics["notes"] = asked.notes + metrics["notes"]
    metrics = {"name": name, "snapshot": snapshot.hash, "fit": key} | metrics
    processes = Processes()
    processes.from_main(lambda: save_reward(out, reward, config, metrics))
    if processes.is_main:
        shutil.rmtree(unfinished, ignore_errors=True)
    return FitResult(name, out, snapshot.hash, metrics, processes.is_main)


def name_of(config: FitConfig, snapshot: Snapshot) -> str:
    """Return the reward model's name: the one asked for, the folder's, or the snapshot's."""
    if config.name:
        return config.name
    return config.out.name if config.out else f"reward-{snapshot.hash[:8]}"


def _fit(
    config: FitConfig, snapshot: Snapshot, comparisons: Comparisons, unfinished: Path, key: str
) -> tuple[LearnedReward | CombinedReward, dict[str, Any]]:
    """Fit without each fold's prompts, measure on them, then fit once more on everything."""
    training = config.training
    folds = make_folds(comparisons, config.held_out_fraction, np.random.default_rng(training.seed))
    folds = folds if training.cross_validate else folds[:1]
    fitting = prepare_fitting(config, snapshot, comparisons)
    _require_measurable(fitting, comparisons, folds)
    of_control = fitting.all_rewards(comparisons)
    control_margins = of_control[:, 0] - of_control[:, 1]
    looks = [
        fitting.train(
            comparisons.take(fold.train),
            comparisons.take(fold.held_out),
            num_updates=training.num_updates,
            checkpoint=Checkpoint(unfinished / f"fold-{number}.pt", key),
            title=f"fold {number} of {len(folds)}",
        ).looks
        for number, fold in enumerate(folds, start=1)
    ]
    selection = select(comparisons, folds, looks)
    learned_from = comparisons if training.refit else comparisons.take(folds[0].train)
    fitting.train(
        learned_from,
        None,
        num_updates=selection.num_updates,
        checkpoint=Checkpoint(unfinished / "final.pt", key),
        title="final fit",
    )
    for output in fitting.outputs(learned_from):
        own, reward = learned_from.take(output.rows), output.fitting.reward
        reward.fit_standardisation(output.fitting.raw_rewards(own))
        reward.posterior = output.fitting.posterior(own)
    merge_adapters(fitting.reward.backbone)
    described = describe(config, fitting, comparisons, learned_from, selection)
    measured = measure_outputs(
        fitting,
        comparisons,
        learned_from,
        selection,
        control_margin=control_margins[torch.cat([fold.held_out for fold in folds])],
        seed=training.seed,
    )
    return fitting.reward, described | measured


def _require_measurable(
    fitting: Fitting | JointFitting, comparisons: Comparisons, folds: list[Fold]
) -> None:
    """Refuse folds in which an output has nothing to be measured on, as a single one may be."""
    held_out = comparisons.take(torch.cat([fold.held_out for fold in folds]))
    decided = {
        output.name
        for output in fitting.outputs(held_out)
        if set(held_out.outcome[output.rows].tolist()) & set(DECIDED)
    }
    for output in fitting.outputs(comparisons):
        if output.name not in decided:
            raise RewardError(
                f"expected a decided comparison on {output.name} among those held out, got none; "
                "hold every prompt out once (training.cross_validate) or compare more pairs"
            )


def _finished(out: Path, name: str, snapshot: Snapshot, key: str) -> FitResult:
    """Return the model that is there if this very fit wrote it."""
    metrics = read_metrics(out)
    if metrics.get("fit") != key:
        raise RewardError(
            f"{out} already holds a reward model of another fit (snapshot "
            f"{metrics.get('snapshot', 'unknown')}, other comparisons, settings or backbone); "
            "choose another --name or --out"
        )
    return FitResult(name, out, snapshot.hash, metrics, Processes().is_main)


def _relative(path: Path, root: Path) -> str:
    path, root = path.resolve(), root.resolve()
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()
