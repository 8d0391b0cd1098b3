"""Fits of a pool's comparisons, as the product's own, and the order that rewards give."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.learning.pool import Pool
from emoji_world.assets import clip_path
from reward_training.config import ModelConfig, TrainingConfig
from reward_training.inputs.dataset import Comparisons
from reward_training.inputs.features import FrozenFeatures, LiveFeatures, PairFeatures
from reward_training.inputs.split import make_folds
from reward_training.learning.checkpoint import Checkpoint, TrainingState
from reward_training.learning.selection import select
from reward_training.learning.training import Fitting
from reward_training.model import LearnedReward
from reward_training.towers.backbone import Backbone
from reward_training.towers.backbones import open_backbone
from reward_training.towers.partly import merge_adapters
from reward_training.trust.evaluate import Estimate, clustered_estimate

HELD_OUT = 0.25
"""Part of the prompts that each fold holds out, where folds choose the number of updates."""
NUM_UPDATES = 200
"""What the demo's fits come to, more or less."""
CHUNK = 128


@dataclass(frozen=True)
class Bench:
    """A pool, and what the frozen towers make of it."""

    pool: Pool

    @cached_property
    def pixels(self) -> Float[Tensor, "images 3 height width"]:
        """The images as the backbone reads them."""
        return open_backbone(str(clip_path())).preprocess(self.pool.pixels)

    @cached_property
    def features(self) -> Float[Tensor, "images embedding"]:
        """What the untouched vision tower makes of them."""
        return encode_images(self.untouched(ModelConfig(), 0), self.pixels)

    def untouched(self, model: ModelConfig, seed: int) -> LearnedReward:
        """Open a reward that nothing was taught."""
        reward = LearnedReward(
            open_backbone(str(clip_path())),
            head=model.head_of(1),
            ties=model.ties,
            generator=torch.Generator().manual_seed(seed),
        )
        reward.set_trained_part(model.train, blocks=model.blocks, rank=model.rank, seed=seed)
        return reward

    def begin(
        self, comparisons: Comparisons, model: ModelConfig, training: TrainingConfig
    ) -> Fitting:
        """Prepare a fit."""
        reward = self.untouched(model, training.seed)
        return Fitting.begin(reward, self.pair_features(reward.backbone), training, comparisons)

    def pair_features(self, backbone: Backbone) -> PairFeatures:
        """Return the features of the pool's images and prompts, live where a tower is trained."""
        tokens = backbone.tokenize(self.pool.prompts)
        with torch.no_grad():
            texts = FrozenFeatures(backbone.encode_text(tokens))
        images = FrozenFeatures(self.features)
        if any(weight.requires_grad for weight in backbone.text_parameters()):
            texts = LiveFeatures(backbone.encode_text, tokens.__getitem__)
        if any(weight.requires_grad for weight in backbone.vision_parameters()):
            images = LiveFeatures(backbone.encode_image, self.pixels.__getitem__)
        return PairFeatures(images, texts)

    def fit(
        self, comparisons: Comparisons, model: ModelConfig, training: TrainingConfig
    ) -> Fitting:
        """Learn from all comparisons, for a number of updates that is the same for every fit."""
        fitting = self.begin(comparisons, model, training)
        with TemporaryDirectory() as folder:
            _train(fitting, comparisons, None, NUM_UPDATES, Path(folder))
        return fitting

    def fit_by_folds(
        self, comparisons: Comparisons, model: ModelConfig, training: TrainingConfig
    ) -> Fitting:
        """Let held-out prompts choose the number of updates, by fewer folds than the product."""
        fitting = self.begin(comparisons, model, training)
        folds = make_folds(comparisons, HELD_OUT, np.random.default_rng(training.seed))
        with TemporaryDirectory() as folder:
            looks = [
                _train(
                    fitting,
                    comparisons.take(fold.train),
                    comparisons.take(fold.held_out),
                    training.num_updates,
                    Path(folder) / str(number),
                ).looks
                for number, fold in enumerate(folds)
            ]
            num_updates = select(comparisons, folds, looks).num_updates
            _train(fitting, comparisons, None, num_updates, Path(folder))
        return fitting


def _train(
    fitting: Fitting,
    comparisons: Comparisons,
    held_out: Comparisons | None,
    num_updates: int,
    folder: Path,
) -> TrainingState:
    checkpoint = Checkpoint(folder / "fit.pt", "")
    return fitting.train(comparisons, held_out, num_updates=num_updates, checkpoint=checkpoint)


@torch.no_grad()
def encode_images(
    reward: LearnedReward, pixels: Float[Tensor, "images 3 height width"]
) -> Float[Tensor, "images embedding"]:
    """Run the vision tower over images in chunks."""
    return torch.cat([reward.backbone.encode_image(chunk) for chunk in pixels.split(CHUNK)])


@torch.no_grad()
def order(bench: Bench, reward: LearnedReward, *, unseen: bool) -> Estimate:
    """Return how often a reward orders images of one prompt, of which one meets it, as they are.

    Of all such pairs of the prompts that nobody is ever asked about, or of the others; every prompt
    counts the same, and the interval resamples prompts.
    """
    pool, merged = bench.pool, reward
    merge_adapters(merged.backbone)
    images = encode_images(merged, bench.pixels)
    texts = merged.backbone.encode_text(merged.backbone.tokenize(pool.prompts))
    rewards = merged.head(images, texts[pool.prompt])
    shares, prompts = [], []
    for prompt in (pool.is_unseen == unseen).nonzero().flatten().tolist():
        own = pool.prompt == prompt
        good, bad = rewards[own & pool.met], rewards[own & ~pool.met]
        if len(good) and len(bad):
            margin = good[:, None] - bad[None]
            shares.append(((margin > 0).float() + 0.5 * (margin == 0).float()).mean().item())
            prompts.append(prompt)
    return clustered_estimate(np.array(shares), np.array(prompts), np.random.default_rng(0))
