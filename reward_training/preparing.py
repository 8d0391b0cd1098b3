"""What a fit begins with: its comparisons, a fresh head for each question, and features."""

from collections.abc import Sequence

import torch

from data.records import Aspect
from data.snapshot import Snapshot
from devices.choice import chosen_device
from devices.processes import Processes
from reward_training.combined import CombinedReward
from reward_training.config import CombinationConfig, FitConfig, ModelConfig, TrainingConfig
from reward_training.inputs.dataset import Comparisons
from reward_training.inputs.encoding import prepare_features
from reward_training.inputs.features import PairFeatures
from reward_training.learning.joint_training import JointFitting
from reward_training.learning.training import Fitting
from reward_training.model import LearnedReward
from reward_training.towers.backbone import Backbone
from reward_training.towers.backbones import digest_of_towers, open_backbone


def comparisons_of(config: FitConfig, snapshot: Snapshot, aspects: Sequence[Aspect]) -> Comparisons:
    """Collect what a fit learns from, weighted as it is told to."""
    comparisons = Comparisons.from_snapshot(
        snapshot, *aspects, exclude_raters=config.exclude_raters
    )
    if config.training.prompts == "equal":
        return comparisons.with_equal_prompts()
    return comparisons


def prepare_fitting(
    config: FitConfig, snapshot: Snapshot, comparisons: Comparisons
) -> Fitting | JointFitting:
    """Open the backbone, put a fresh head on it for each question that comparisons asked.

    What is frozen and not yet kept is computed. Raises `ConfigError`, before anything is opened,
    where the device is not to be had.
    """
    device = _device_of(config.training)
    backbone = open_backbone(config.backbone)
    kept = digest_of_towers(backbone, config.backbone, device)
    reward = untaught_reward(
        backbone.to(device),
        comparisons.asked,
        config.model,
        combination=config.combination,
        seed=config.training.seed,
    )
    features = prepare_features(
        backbone,
        snapshot,
        comparisons.images,
        comparisons.prompts,
        kept=snapshot.workspace.features / kept,
    )
    return begin_fitting(reward, features, config.training, comparisons)


def _device_of(training: TrainingConfig) -> torch.device:
    """Return the device that is asked for; with "auto" each of several processes has its own."""
    processes = Processes()
    if training.device == "auto" and processes.count > 1:
        return processes.device
    return torch.device(chosen_device(training.device))


def untaught_reward(
    backbone: Backbone,
    aspects: Sequence[Aspect],
    model: ModelConfig,
    *,
    combination: CombinationConfig,
    seed: int,
) -> LearnedReward | CombinedReward:
    """Put a fresh head for each question on a backbone, on its device, and say what is trained."""
    head = model.head_of(len(aspects))
    outputs = {
        aspect.value: LearnedReward(
            backbone,
            head=head,
            ties=model.ties,
            generator=torch.Generator().manual_seed(seed),
        ).to(backbone.device)
        for aspect in aspects
    }
    first, *others = outputs.values()
    for output in others:
        output.set_trained_part("head")
    # The towers are trained once, with the first output.
    first.set_trained_part(model.train, blocks=model.blocks, rank=model.rank, seed=seed)
    if not others:
        return first
    return CombinedReward(outputs, {name: getattr(combination, name) for name in outputs})


def begin_fitting(
    reward: LearnedReward | CombinedReward,
    features: PairFeatures,
    training: TrainingConfig,
    comparisons: Comparisons,
) -> Fitting | JointFitting:
    """Start the training of one output, or of several side by side."""
    if isinstance(reward, CombinedReward):
        return JointFitting.begin(reward, features, training, comparisons)
    return Fitting.begin(reward, features, training, comparisons)
