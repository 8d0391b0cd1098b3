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
from reward_training.backbones import digest_of_source, digest_of_towers, open_backbone
from reward_training.checkpoint import Checkpoint
from reward_training.config import FitConfig
from reward_training.dataset import Comparisons
from reward_training.features import prepare_features
from reward_training.folder import read_metrics, save_reward
from reward_training.metrics import choice_notes, count_comparisons, measure
from reward_training.model import LearnedReward
from reward_training.partly import merge_adapters
from reward_training.selection import Selection, select
from reward_training.split import make_folds, split_notes
from reward_training.training import Fitting

_BOOTSTRAP_STREAM = 1
"""Keeps the bootstrap's random numbers apart from the split's."""


@dataclass(frozen=True)
class FitResult:
    """A finished reward model."""

    name: str
    path: Path
    snapshot: str
    """Hash of the snapshot it was fitted on."""
    metrics: dict[str, Any]
    """Content of metrics.json."""

    @property
    def metrics_on_record(self) -> dict[str, Any]:
        """What the store keeps: nothing by rater, for it must be able to forget one."""
        kept = {name: of for name, of in self.metrics.items() if name != "reliability"}
        groups = kept.get("held_out_by", {})
        return kept | {"held_out_by": {name: of for name, of in groups.items() if name != "rater"}}


def fit_in_workspace(config: FitConfig, workspace: Workspace, *, round: int = 0) -> FitResult:  # noqa: A002
    """Take a snapshot of a workspace, fit a reward model on it and put it on record.

    Run again after an interruption, it goes on; run again when finished, it changes nothing.
    """
    snapshot = take_snapshot(workspace)
    result = fit(config, snapshot, out=config.out or workspace.rewards / name_of(config, snapshot))
    workspace.store().add_reward_model(
        RewardModel(
            name=result.name,
            snapshot=result.snapshot,
            path=_relative(result.path, workspace.root),
            metrics=result.metrics_on_record,
            round=round,
        )
    )
    return result


def fit(config: FitConfig, snapshot: Snapshot, *, out: Path) -> FitResult:
    """Fit a reward model on a snapshot and write its folder `out`, whole or not at all.

    If `out` is the finished model of the same fit, that is returned; if it is anything else, a
    `RewardError` is raised and it stays untouched. Half-done work is kept in a hidden folder beside
    `out`, from which the same call goes on with the same result.
    """
    comparisons = comparisons_of(config, snapshot)
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
    metrics = {"name": name, "snapshot": snapshot.hash, "fit": key} | metrics
    save_reward(out, reward, config, metrics)
    shutil.rmtree(unfinished, ignore_errors=True)
    return FitResult(name, out, snapshot.hash, metrics)


def comparisons_of(config: FitConfig, snapshot: Snapshot) -> Comparisons:
    """Collect what a fit learns from, weighted as it is told to."""
    comparisons = Comparisons.from_snapshot(
        snapshot, config.aspect, exclude_raters=config.exclude_raters
    )
    if config.training.prompts == "equal":
        return comparisons.with_equal_prompts()
    return comparisons


def name_of(config: FitConfig, snapshot: Snapshot) -> str:
    """Return the reward model's name: the one asked for, the folder's, or the snapshot's."""
    if config.name:
        return config.name
    return config.out.name if config.out else f"reward-{snapshot.hash[:8]}"


def _fit(
    config: FitConfig, snapshot: Snapshot, comparisons: Comparisons, unfinished: Path, key: str
) -> tuple[LearnedReward, dict[str, Any]]:
    """Fit without each fold's prompts, measure on them, then fit once more on everything."""
    training = config.training
    folds = make_folds(comparisons, config.held_out_fraction, np.random.default_rng(training.seed))
    folds = folds if training.cross_validate else folds[:1]
    fitting = prepare_fitting(config, snapshot, comparisons)
    of_clip = fitting.all_rewards(comparisons)
    clip_margins = of_clip[:, 0] - of_clip[:, 1]
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
    fitting.reward.fit_standardisation(fitting.raw_rewards(learned_from))
    fitting.reward.posterior = fitting.posterior(learned_from)
    merge_adapters(fitting.reward.backbone)
    reliability, fitting.reward.reliability = fitting.reward.reliability, None
    described = _describe(
        config, fitting.reward.backbone.control, comparisons, learned_from, selection
    )
    if reliability is not None:
        described["reliability"] = reliability.by_name()
    measured = measure(
        selection.held_out,
        margin=selection.margins,
        clip_margin=clip_margins[torch.cat([fold.held_out for fold in folds])],
        probability_a=selection.probability_a,
        fold=selection.fold,
        generator=np.random.default_rng([training.seed, _BOOTSTRAP_STREAM]),
    )
    fitting.reward.set_temperature(measured["calibration"]["temperature"])
    return fitting.reward, described | measured


def prepare_fitting(config: FitConfig, snapshot: Snapshot, comparisons: Comparisons) -> Fitting:
    """Open the backbone, put a fresh head on it and compute what is frozen and not yet kept."""
    device = config.training.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    backbone = open_backbone(config.backbone)
    kept = digest_of_towers(backbone, config.backbone, torch.device(device))
    reward = LearnedReward(
        backbone,
        head=config.model.head,
        ties=config.model.ties,
        generator=torch.Generator().manual_seed(config.training.seed),
    ).to(device)
    reward.set_trained_part(
        config.model.train,
        blocks=config.model.blocks,
        rank=config.model.rank,
        seed=config.training.seed,
    )
    features = prepare_features(
        reward.backbone,
        snapshot,
        comparisons.images,
        comparisons.prompts,
        kept=snapshot.workspace.features / kept,
    )
    return Fitting.begin(reward, features, config.training, comparisons)


def _describe(
    config: FitConfig,
    control: str,
    comparisons: Comparisons,
    learned_from: Comparisons,
    selection: Selection,
) -> dict[str, Any]:
    """Say what was fitted on what, and how it went."""
    notes = split_notes(comparisons, selection.held_out) + choice_notes(selection.held_out)
    if selection.num_updates == 0:
        notes.append(f"no update lowered the held-out loss: this is untouched {control}")
    return {
        "backbone": config.backbone,
        "control": control,
        "comparisons": count_comparisons(comparisons),
        "held_out_comparisons": count_comparisons(selection.held_out),
        "learned_from": count_comparisons(learned_from),
        "held_out_measured_on": "weights of a fit that has not seen the prompt; it only helped to "
        "choose num_updates",
        "num_updates": selection.num_updates,
        "held_out_log_loss": selection.log_loss,
        "curve": selection.curve,
        "notes": notes,
    }


def _finished(out: Path, name: str, snapshot: Snapshot, key: str) -> FitResult:
    """Return the model that is there if this very fit wrote it."""
    metrics = read_metrics(out)
    if metrics.get("fit") != key:
        raise RewardError(
            f"{out} already holds a reward model of another fit (snapshot "
            f"{metrics.get('snapshot', 'unknown')}, other comparisons, settings or backbone); "
            "choose another --name or --out"
        )
    return FitResult(name, out, snapshot.hash, metrics)


def _relative(path: Path, root: Path) -> str:
    path, root = path.resolve(), root.resolve()
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()
