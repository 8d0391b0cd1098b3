"""The training loop: AdamW on the losses of comparisons, with looks at those held out.

Which comparisons an update sees and its learning rate follow from the seed and the update's
number alone, so a loop that goes on from a checkpoint gives the same bits as one never stopped.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from tqdm import tqdm

from reward_training.backbone import HeadInputs
from reward_training.checkpoint import Checkpoint, Look, TrainingState
from reward_training.config import TrainingConfig
from reward_training.dataset import Comparisons
from reward_training.features import PairFeatures
from reward_training.heads import SimilarityHead
from reward_training.held_out_loss import held_out_loss
from reward_training.losses import contrast_loss, cross_entropy, smooth_targets
from reward_training.model import LearnedReward
from reward_training.optimiser import (
    batch_rows,
    make_optimiser,
    set_learning_rate,
    warm_up,
)
from reward_training.posterior import Posterior, Told, fit_posterior
from reward_training.reliability import Reliability
from reward_training.shown import Shown

GRADIENT_NORM = 1.0
AVERAGING_DELAY = 9
"""Updates in which the average begins to forget where training began."""
RIVALS = 2
"""Images of other prompts that a prompt's liked images must win against, where each pair of image
and prompt costs a pass: about as many passes as the comparisons themselves ask for."""
CHUNK = 256
"""Comparisons whose rewards are computed together when nothing is learned from them."""


@dataclass(frozen=True)
class Fitting:
    """A reward in training, with the features it reads and the settings it is trained by."""

    reward: LearnedReward
    features: PairFeatures
    config: TrainingConfig
    untouched: dict[str, Tensor]
    """The trained weights before any training."""

    @cached_property
    def trained(self) -> dict[str, nn.Parameter]:
        """The trained weights by name; to find them among a backbone's takes as long as to step."""
        return self.reward.trained_parameters()

    @classmethod
    def begin(
        cls,
        reward: LearnedReward,
        features: PairFeatures,
        config: TrainingConfig,
        comparisons: Comparisons,
    ) -> "Fitting":
        """Start with the bar at the mean raw reward of what was compared, within its reach."""
        fitting = cls(reward, features, config, {})
        with torch.no_grad():
            reward.bar.copy_(fitting.raw_rewards(comparisons).mean())
        if config.raters == "learned":
            reward.reliability = Reliability(comparisons).to(reward.bar.device)
        return replace(fitting, untouched=reward.copy_trained_weights())

    def train(
        self,
        comparisons: Comparisons,
        held_out: Comparisons | None,
        *,
        num_updates: int,
        checkpoint: Checkpoint,
        title: str = "fit",
    ) -> TrainingState:
        """Fit the untouched weights on comparisons and return how it went.

        With held-out comparisons training ends `patience` looks after the best one; without, it
        runs for `num_updates`.
        """
        self.reward.load_trained_weights(self.untouched)
        optimiser = make_optimiser(self.reward, self.config)
        state = checkpoint.restore(self.reward, optimiser)
        if state is None:
            average = self.reward.copy_trained_weights()
            state = TrainingState(average=average, is_done=num_updates == 0)
            if held_out is not None:
                state.looks.append(self._look(held_out, state))
        bar = tqdm(desc=title, total=num_updates, initial=state.update, unit="update", disable=None)
        while not state.is_done:
            set_learning_rate(optimiser, warm_up(state.update, self.config.num_updates))
            rows = batch_rows(
                state.update, len(comparisons), self.config.batch_size, self.config.seed
            )
            state.losses.append(self._update(comparisons.take(rows), optimiser))
            state.update += 1
            self._average(state)
            bar.update()
            if state.update % self.config.evaluate_every == 0 or state.update == num_updates:
                if held_out is not None:
                    state.looks.append(self._look(held_out, state))
                state.losses.clear()
                state.is_done = state.update == num_updates or self._is_stale(state)
                checkpoint.save(self.reward, optimiser, state)
        bar.close()
        self.reward.load_trained_weights(state.average)
        return state

    def rewards(self, comparisons: Comparisons) -> Float[Tensor, "pairs 2"]:
        """Return the raw rewards of image a and image b, for each comparison."""
        return torch.stack([self.reward.head(*pairs) for pairs in self._read_both(comparisons)], -1)

    @torch.no_grad()
    def all_rewards(self, comparisons: Comparisons) -> Float[Tensor, "pairs 2"]:
        """Return rewards without gradients, in chunks."""
        rows = torch.arange(len(comparisons)).split(CHUNK)
        return torch.cat([self.rewards(comparisons.take(chunk)) for chunk in rows])

    @torch.no_grad()
    def raw_rewards(self, comparisons: Comparisons) -> Float[Tensor, " pictures"]:
        """Return the raw reward of every image for its prompt, once."""
        images, prompts = comparisons.pictures()
        chunks = zip(images.split(CHUNK), prompts.split(CHUNK), strict=True)
        return torch.cat([self.reward.head(*self._read(i, p)) for i, p in chunks])

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
            return head.table(images, self.features.prompts(shown.prompts))
        asked = shown.is_own | shown.rivals(RIVALS if self.config.contrast else 0)
        prompts, images = asked.nonzero(as_tuple=True)
        rewards = head(*self._read(shown.images[images], shown.prompts[prompts]))
        table = rewards.new_full(asked.shape, -torch.inf)
        return table.index_put((prompts.to(table.device), images.to(table.device)), rewards)

    def _update(self, batch: Comparisons, optimiser: torch.optim.Optimizer) -> float:
        optimiser.zero_grad()
        total = 0.0
        for rows in torch.arange(len(batch)).tensor_split(self.config.num_parts):
            loss = self._loss_in_precision(batch.take(rows)) * (len(rows) / len(batch))
            loss.backward()
            total += loss.item()
        torch.nn.utils.clip_grad_norm_(self.trained.values(), GRADIENT_NORM)
        optimiser.step()
        return total

    def _loss_in_precision(self, batch: Comparisons) -> Float[Tensor, ""]:
        is_low = self.config.precision == "bf16"
        with torch.autocast(self.reward.bar.device.type, torch.bfloat16, enabled=is_low):
            return self.loss(batch)

    def _look(self, held_out: Comparisons, state: TrainingState) -> Look:
        """See what held-out comparisons say of the average of the weights so far."""
        weights = self.reward.copy_trained_weights()
        self.reward.load_trained_weights(state.average)
        rewards = self.all_rewards(held_out)
        look = Look(
            update=state.update,
            train_loss=float(np.mean(state.losses)) if state.losses else None,
            held_out_loss=held_out_loss(self.reward, rewards, held_out),
            margins=(rewards[:, 0] - rewards[:, 1]).cpu(),
            probability_a=self.reward.probability_a(rewards).cpu(),
        )
        self.reward.load_trained_weights(weights)
        return look

    @torch.no_grad()
    def _average(self, state: TrainingState) -> None:
        """Move the average towards the weights; the first updates count for less and less."""
        past = min(self.config.averaging, state.update / (state.update + AVERAGING_DELAY))
        for name, weight in self.trained.items():
            average = state.average[name]
            average.copy_(average.to(weight).lerp(weight, 1 - past))

    def _is_stale(self, state: TrainingState) -> bool:
        if not state.looks:
            return False
        best = min(state.looks, key=lambda look: look.held_out_loss)
        return state.update - best.update >= self.config.patience * self.config.evaluate_every
