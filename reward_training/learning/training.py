"""One output in training: AdamW on the losses of comparisons that were asked one question.

Which comparisons an update sees follows from the seed and the update's number alone.
"""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from devices.processes import Processes
from reward_training.config import TrainingConfig
from reward_training.heads import CorrectedHead, SimilarityHead
from reward_training.inputs.augmentation import Views
from reward_training.inputs.dataset import Comparisons
from reward_training.inputs.features import FrozenFeatures, LiveFeatures, PairFeatures
from reward_training.inputs.shown import Shown
from reward_training.learning.held_out_loss import held_out_loss
from reward_training.learning.losses import contrast_loss, cross_entropy, smooth_targets
from reward_training.learning.optimiser import batch_rows
from reward_training.learning.reliability import Reliability
from reward_training.learning.training_loop import TrainingLoop
from reward_training.model import LearnedReward
from reward_training.posterior import Posterior, Told, fit_posterior
from reward_training.towers.backbone import HeadInputs

GRADIENT_NORM = 1.0
RIVALS = 2
"""Images of other prompts that a prompt's liked images must win against, where each pair of image
and prompt costs a pass: about as many passes as the comparisons themselves ask for."""
CHUNK = 256
"""Comparisons whose rewards are computed together when nothing is learned from them."""


@dataclass(frozen=True)
class Fitting(TrainingLoop[LearnedReward]):
    """A reward in training, with the features it reads and the settings it is trained by."""

    reward: LearnedReward
    features: PairFeatures
    config: TrainingConfig
    untouched: dict[str, Tensor]
    """The trained weights before any training."""
    processes: Processes

    @classmethod
    def begin(
        cls,
        reward: LearnedReward,
        features: PairFeatures,
        config: TrainingConfig,
        comparisons: Comparisons,
    ) -> "Fitting":
        """Start with the bar at the mean raw reward of what was compared, within its reach."""
        processes = Processes()
        fitting = cls(reward, features, config.shared_by(processes.count), {}, processes)
        with torch.no_grad():
            reward.bar.copy_(fitting.raw_rewards(comparisons).mean())
        if config.raters == "learned":
            reward.reliability = Reliability(comparisons).to(reward.bar.device)
        return replace(fitting, untouched=reward.copy_trained_weights())

    def prepare_for(self, comparisons: Comparisons) -> None:
        """Let the head read what tells the texts apart, where they do not change in training."""
        head, texts = self.reward.head, self.features.prompts
        if isinstance(head, CorrectedHead) and isinstance(texts, FrozenFeatures):
            head.texts.fit(texts(comparisons.prompt.unique()))

    def outputs(self, comparisons: Comparisons) -> list["TrainedOutput"]:
        """Return itself with all comparisons: there is one output."""
        return [TrainedOutput("", self, torch.arange(len(comparisons)))]

    def learn(
        self, comparisons: Comparisons, update: int, optimiser: torch.optim.Optimizer
    ) -> float:
        """Take one optimiser step on the comparisons whose turn it is."""
        rows = batch_rows(update, len(comparisons), self.config.batch_size, self.config.seed)
        batch = comparisons.take(rows)
        with self._augmented(batch, update):
            return self._update(batch, optimiser)

    def _augmented(self, batch: Comparisons, update: int) -> AbstractContextManager[None]:
        """Let the vision tower see slightly changed images, where that is asked for."""
        if not self.config.augment:
            return nullcontext()
        images, preprocess = self.features.images, self.reward.backbone.preprocess
        assert isinstance(images, LiveFeatures), "the configuration asks for a trained tower"
        views = Views.draw(batch, seed=self.config.seed, update=update)

        def change(rows: Tensor, pixels: Tensor) -> Tensor:
            return preprocess.normalise(views(rows, preprocess.undo_normalisation(pixels)))

        return images.changed(change)

    def probability_a(
        self, rewards: Float[Tensor, "pairs 2"], comparisons: Comparisons
    ) -> Float[Tensor, " pairs"]:
        """Return the probability that image a is preferred where one is, from raw rewards."""
        del comparisons  # of one question all
        return self.reward.probability_a(rewards)

    def held_out_loss(self, rewards: Float[Tensor, "pairs 2"], comparisons: Comparisons) -> float:
        """Return the loss at the bars and the scale that suit the comparisons best."""
        return held_out_loss(self.reward, rewards, comparisons)

    def rewards(self, comparisons: Comparisons) -> Float[Tensor, "pairs 2"]:
        """Return the raw rewards of image a and image b, for each comparison."""
        return torch.stack([self.reward.head(*pairs) for pairs in self._read_both(comparisons)], -1)

    @torch.no_grad()
    def all_rewards(self, comparisons: Comparisons) -> Float[Tensor, "pairs 2"]:
        """Return rewards without gradients, in chunks."""
        rows = torch.arange(len(comparisons)).split(CHUNK)
        found = self.processes.map(lambda chunk: self.rewards(comparisons.take(chunk)), rows)
        return found.to(self.reward.bar.device)

    @torch.no_grad()
    def raw_rewards(self, comparisons: Comparisons) -> Float[Tensor, " pictures"]:
        """Return the raw reward of every image for its prompt, once."""
        images, prompts = comparisons.pictures()
        pictures = torch.stack([images, prompts], 1).split(CHUNK)
        found = self.processes.map(lambda chunk: self.reward.head(*self._read(*chunk.T)), pictures)
        return found.to(self.reward.bar.device)

    @torch.no_grad()
    def posterior(self, comparisons: Comparisons) -> Posterior:
        """Return what comparisons leave open about the last layer as it is now."""
        head = self.reward.head

        def told(batch: Comparisons) -> Told:
            read = self._read_both(batch)
            features = torch.stack([head.last_features(*pairs) for pairs in read], 1)
            rewards = torch.stack([head(*pairs) for pairs in read], 1)
            return features, rewards, self._trusted(batch).weight.to(rewards.device)

        rows = torch.arange(len(comparisons)).split(CHUNK)
        return fit_posterior(
            (told(comparisons.take(chunk)) for chunk in rows),
            tie_logit=self.reward.tie_logit,
            bar=self.reward.bar,
            ties=self.reward.ties,
        )

    def loss(self, batch: Comparisons) -> Float[Tensor, ""]:
        """Return what an update makes smaller; every image and prompt is encoded once."""
        shown = Shown.of(self._trusted(batch))
        table = self._table(shown)
        rewards = torch.stack([table[shown.prompt, i] for i in (shown.image_a, shown.image_b)], -1)
        loss = self.config.likelihood * self._likelihood_loss(rewards, batch)
        if self.config.contrast:
            liking, own = shown.liking.to(table.device), shown.is_own.to(table.device)
            loss = loss + self.config.contrast * contrast_loss(table, liking=liking, is_own=own)
        return loss

    def _read(self, images: Int[Tensor, " pairs"], prompts: Int[Tensor, " pairs"]) -> HeadInputs:
        """Return what the head reads of pairs, by the rows of their images and prompts."""
        if self.features.pairs is not None:
            return self.features.pairs(images, prompts)
        return self.reward.backbone.join(
            self.features.images(images), self.features.prompts(prompts)
        )

    def _read_both(self, comparisons: Comparisons) -> list[HeadInputs]:
        """Return what the head reads of all images a and of all images b; texts are read once."""
        both = (comparisons.image_a, comparisons.image_b)
        if self.features.pairs is not None:
            return [self.features.pairs(images, comparisons.prompt) for images in both]
        prompts = self.features.prompts(comparisons.prompt)
        return [self.reward.backbone.join(self.features.images(i), prompts) for i in both]

    def _trusted(self, batch: Comparisons) -> Comparisons:
        """Let each comparison count for as much as its rater answers by the images."""
        if self.reward.reliability is None:
            return batch
        share = self.reward.reliability.of(batch).to(batch.weight.device)
        return replace(batch, weight=batch.weight * share)

    def _likelihood_loss(
        self, rewards: Float[Tensor, "pairs 2"], batch: Comparisons
    ) -> Float[Tensor, ""]:
        """Return how improbable the answers are, each by its weight."""
        targets = smooth_targets(batch.targets.to(rewards.device), self.config.label_smoothing)
        expected = self.reward.log_probabilities(rewards)
        if self.reward.reliability is not None:
            expected = self.reward.reliability.mix(expected, batch)
        return (batch.weight.to(rewards.device) * cross_entropy(expected, targets)).mean()

    def _table(self, shown: Shown) -> Float[Tensor, "prompts images"]:
        """Return the raw reward of every image for every prompt, or minus infinity.

        Where each pair costs a pass, that is of images for their own prompts and of few rivals.
        """
        head = self.reward.head
        if isinstance(head, SimilarityHead):
            images = self.features.images(shown.images)
            prompts = self.features.prompts(shown.prompts)
            with torch.autocast(images.device.type, enabled=False):  # bf16 would round rewards
                return head.table(images.float(), prompts.float())
        asked = shown.is_own | shown.rivals(RIVALS if self.config.contrast else 0)
        prompts, images = asked.nonzero(as_tuple=True)
        rewards = head(*self._read(shown.images[images], shown.prompts[prompts]))
        table = rewards.new_full(asked.shape, -torch.inf)
        return table.index_put((prompts.to(table.device), images.to(table.device)), rewards)

    def _update(self, batch: Comparisons, optimiser: torch.optim.Optimizer) -> float:
        optimiser.zero_grad()
        total = 0.0
        parts = torch.arange(len(batch)).tensor_split(self.config.num_parts)
        for rows in self.processes.own(parts):
            loss = self._loss_in_precision(batch.take(rows)) * (len(rows) / len(batch))
            loss.backward()
            total += loss.item()
        self.processes.sum_gradients(self.trained.values())
        torch.nn.utils.clip_grad_norm_(self.trained.values(), GRADIENT_NORM)
        optimiser.step()
        return total

    def _loss_in_precision(self, batch: Comparisons) -> Float[Tensor, ""]:
        is_low = self.config.precision == "bf16"
        with torch.autocast(self.reward.bar.device.type, torch.bfloat16, enabled=is_low):
            return self.loss(batch)


@dataclass(frozen=True)
class TrainedOutput:
    """An output in training and the comparisons that are about it."""

    name: str
    """Empty where there is one output."""
    fitting: Fitting
    rows: Int[Tensor, " rows"]
