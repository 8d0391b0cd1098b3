"""Rewards fitted to the same comparisons by different losses."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from data.records import Aspect
from data.snapshot import take_snapshot
from feedback_loop.loop import Loop
from feedback_loop.seeds import round_seed
from feedback_loop.world import backbone_of
from reward_training.config import FitConfig
from reward_training.folder import save_reward
from reward_training.inputs.dataset import Comparisons
from reward_training.inputs.outcomes import TIE
from reward_training.learning.checkpoint import Checkpoint
from reward_training.model import LearnedReward
from reward_training.preparing import prepare_fitting

UNTOUCHED = "untouched CLIP"
UNCOMPARED = "contrast alone, every image liked: no comparison used"
VARIANTS: dict[str, dict[str, float]] = {
    UNTOUCHED: {},
    "comparisons alone": {"contrast": 0.0},
    UNCOMPARED: {"likelihood": 0.0},
    "contrast alone, liked images": {"likelihood": 0.0},
    "both": {},
}
"""Names, and the weights of the losses that differ from the demo's."""


NUM_UPDATES = 200
"""What the demo's own fits come to, more or less (150 to 200)."""


def fit_uncompared(loop: Loop, folder: Path) -> None:
    """Write the reward that has seen no comparison, as a folder."""
    save_reward(folder, fit_variant(loop, UNCOMPARED), variant_config(loop, UNCOMPARED), {})


def variant_config(loop: Loop, name: str) -> FitConfig:
    """Return the settings of the demo's own fit with the variant's weights of the losses."""
    config = loop.config.fit_config(
        backbone=backbone_of(loop.config), name=name, round_seed=round_seed(loop.config, 1)
    )
    return replace(config, training=replace(config.training, **VARIANTS[name]))


def fit_variant(loop: Loop, name: str) -> LearnedReward:
    """Fit one variant on all comparisons of a demo's round, for a fixed number of updates."""
    config = variant_config(loop, name)
    snapshot = take_snapshot(loop.workspace)
    comparisons = Comparisons.from_snapshot(snapshot, Aspect.OVERALL)
    if name == UNCOMPARED:
        comparisons = replace(comparisons, outcome=torch.full_like(comparisons.outcome, TIE))
    (output,) = prepare_fitting(config, snapshot, comparisons).outputs(comparisons)
    fitting = output.fitting
    with TemporaryDirectory() as folder:
        fitting.train(
            comparisons,
            None,
            num_updates=0 if name == UNTOUCHED else NUM_UPDATES,
            checkpoint=Checkpoint(Path(folder) / "fit.pt", name),
            title=name,
        )
    fitting.reward.fit_standardisation(fitting.raw_rewards(comparisons))
    return fitting.reward
