"""Fits of both questions together and of each alone, and how each orders images as they are."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory

import numpy as np
import torch

from benchmarks.learning.answers import answer, honest, random_pairs
from benchmarks.learning.fits import NUM_UPDATES, Bench
from data.records import Aspect
from emoji_world.assets import clip_path
from emoji_world.raters import QUALITY_STEP
from reward_training.config import CombinationConfig, ModelConfig, TrainingConfig
from reward_training.inputs.asked import BOTH
from reward_training.inputs.dataset import Comparisons
from reward_training.learning.checkpoint import Checkpoint
from reward_training.model import LearnedReward
from reward_training.preparing import begin_fitting, untaught_reward
from reward_training.towers.backbones import open_backbone

Shares = dict[str, float]
"""By what differs in a pair and whether its prompt was compared: how often the order is right."""


def fits_of(bench: Bench, num_pairs: int, seed: int) -> dict[str, Shares]:
    """Return how each fit of a seed orders the pool."""
    rng = np.random.default_rng([seed, 0])
    pairs = random_pairs(bench.pool, num_pairs, rng)
    answers = answer(bench.pool, pairs, honest(1), rng, aspects=BOTH)
    alone = {aspect: answers.take(answers.rows_about(aspect)) for aspect in BOTH}
    training = TrainingConfig(seed=seed, device="cpu")
    without = replace(training, contrast=0.0)
    quality = alone[Aspect.QUALITY]
    untouched = _fit(bench, quality, training, num_updates=0)[""]
    together = _fit(bench, answers, training)
    return {
        "untouched CLIP similarity": shares_right(bench, untouched),
        **{f"both, output {name}": shares_right(bench, each) for name, each in together.items()},
        "alignment alone": shares_right(bench, _fit(bench, alone[Aspect.ALIGNMENT], training)[""]),
        "quality alone": shares_right(bench, _fit(bench, quality, training)[""]),
        "quality alone, no contrast": shares_right(bench, _fit(bench, quality, without)[""]),
    }


def _fit(
    bench: Bench,
    answers: Comparisons,
    training: TrainingConfig,
    *,
    num_updates: int = NUM_UPDATES,
) -> dict[str, LearnedReward]:
    """Learn from all answers and return the outputs."""
    backbone = open_backbone(str(clip_path()))
    reward = untaught_reward(
        backbone,
        answers.asked,
        ModelConfig(),
        combination=CombinationConfig(),
        seed=training.seed,
    )
    fitting = begin_fitting(reward, bench.pair_features(backbone), training, answers)
    with TemporaryDirectory() as folder:
        checkpoint = Checkpoint(Path(folder) / "fit.pt", "")
        fitting.train(answers, None, num_updates=num_updates, checkpoint=checkpoint)
    return reward.outputs


@torch.no_grad()
def shares_right(bench: Bench, output: LearnedReward) -> Shares:
    """Return how often an output orders pairs of one prompt that differ in one thing alone.

    Of two equally well drawn images that which meets the prompt is the better, and of two that both
    meet it, or both do not, that which is drawn better. Every prompt counts the same.
    """
    pool, backbone = bench.pool, output.backbone
    texts = backbone.encode_text(backbone.tokenize(pool.prompts))
    rewards = output.head(bench.features, texts[pool.prompt])
    found: dict[str, list[float]] = {}
    for prompt, is_unseen in enumerate(pool.is_unseen.tolist()):
        own = pool.prompt == prompt
        met, quality = pool.met[own].float(), pool.quality[own]
        by_met, by_quality = met[:, None] - met, quality[:, None] - quality
        margin = rewards[own][:, None] - rewards[own]
        which = "unseen" if is_unseen else "compared"
        for aspect, better in (
            (Aspect.ALIGNMENT, (by_met > 0) & (by_quality.abs() < QUALITY_STEP)),
            (Aspect.QUALITY, (by_met == 0) & (by_quality >= QUALITY_STEP)),
        ):
            if better.any():
                share = (margin[better] > 0).float().mean().item()
                found.setdefault(f"{aspect}, {which}", []).append(share)
    return {name: fmean(shares) for name, shares in found.items()}


def make_table(seeds: Sequence[dict[str, Shares]]) -> str:
    """Return a row for each fit: the mean over seeds with the lowest and highest."""
    columns = list(next(iter(seeds[0].values())))
    rows = [["ordered as the judge does", *columns], ["---"] * (1 + len(columns))]
    for name in seeds[0]:
        of_columns = ([seed[name][column] for seed in seeds] for column in columns)
        rows.append([name, *map(_spread, of_columns)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _spread(shares: Sequence[float]) -> str:
    mean, low, high = (
        f"{each:.3f}".removeprefix("0") for each in (fmean(shares), min(shares), max(shares))
    )
    return mean if len(shares) < 2 else f"{mean} ({low} to {high})"
