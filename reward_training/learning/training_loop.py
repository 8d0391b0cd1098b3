"""The training loop, whatever learns in it: updates, averaged weights, looks, checkpoints.

What an update does follows from the seed and the update's number alone, so a loop that goes on from
a checkpoint gives the same bits as one never stopped.
"""

from abc import ABC, abstractmethod
from functools import cached_property
from typing import Generic, TypeVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from tqdm import tqdm

from devices.processes import Processes
from reward_training.config import TrainingConfig
from reward_training.inputs.dataset import Comparisons
from reward_training.learning.checkpoint import Checkpoint, Look, TrainingState
from reward_training.learning.optimiser import make_optimiser, set_learning_rate, warm_up
from reward_training.learning.trainable import TrainableReward

AVERAGING_DELAY = 9
"""Updates in which the average begins to forget where training began."""

RewardT = TypeVar("RewardT", bound=TrainableReward)


class TrainingLoop(ABC, Generic[RewardT]):
    """A reward in training, with the settings it is trained by."""

    reward: RewardT
    config: TrainingConfig
    untouched: dict[str, Tensor]
    """The trained weights before any training."""
    processes: Processes
    """Those that share every update and look, and come out of them the same."""

    @abstractmethod
    def prepare_for(self, comparisons: Comparisons) -> None:
        """Prepare for the texts of the comparisons that are learned from, whatever the answers."""

    @abstractmethod
    def learn(
        self, comparisons: Comparisons, update: int, optimiser: torch.optim.Optimizer
    ) -> float:
        """Take the update of this number and return what this process has of its loss."""

    @abstractmethod
    def all_rewards(self, comparisons: Comparisons) -> Float[Tensor, "pairs 2"]:
        """Return the raw rewards of image a and image b of each comparison, without gradients."""

    @abstractmethod
    def probability_a(
        self, rewards: Float[Tensor, "pairs 2"], comparisons: Comparisons
    ) -> Float[Tensor, " pairs"]:
        """Return the probability that image a is preferred where one is, from raw rewards."""

    @abstractmethod
    def held_out_loss(self, rewards: Float[Tensor, "pairs 2"], comparisons: Comparisons) -> float:
        """Return the loss that training is stopped by, from raw rewards of held-out comparisons."""

    @cached_property
    def trained(self) -> dict[str, nn.Parameter]:
        """The trained weights by name; to find them among a backbone's takes as long as to step."""
        return self.reward.trained_parameters()

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
        self.prepare_for(comparisons)
        optimiser = make_optimiser(self.reward, self.config)
        state = checkpoint.restore(self.reward, optimiser)
        if state is None:
            average = self.reward.copy_trained_weights()
            state = TrainingState(average=average, is_done=num_updates == 0)
            if held_out is not None:
                state.looks.append(self._look(held_out, state))
        bar = tqdm(
            desc=title,
            total=num_updates,
            initial=state.update,
            unit="update",
            disable=self.processes.hides_bars,
        )
        while not state.is_done:
            set_learning_rate(optimiser, warm_up(state.update, self.config.num_updates))
            state.losses.append(self.learn(comparisons, state.update, optimiser))
            state.update += 1
            self._average(state)
            bar.update()
            if state.update % self.config.evaluate_every == 0 or state.update == num_updates:
                if held_out is not None:
                    state.looks.append(self._look(held_out, state))
                state.losses.clear()
                state.is_done = state.update == num_updates or self._is_stale(state)
                if self.processes.is_main:
                    checkpoint.save(self.reward, optimiser, state)
        bar.close()
        self.reward.load_trained_weights(state.average)
        return state

    def _look(self, held_out: Comparisons, state: TrainingState) -> Look:
        """See what held-out comparisons say of the average of the weights so far."""
        weights = self.reward.copy_trained_weights()
        self.reward.load_trained_weights(state.average)
        rewards = self.all_rewards(held_out)
        look = Look(
            update=state.update,
            train_loss=self.processes.sum(float(np.mean(state.losses))) if state.losses else None,
            # Training stops by it, and must do so in all processes, whatever the last bits of each.
            held_out_loss=self.processes.from_main(lambda: self.held_out_loss(rewards, held_out)),
            margins=(rewards[:, 0] - rewards[:, 1]).cpu(),
            probability_a=self.probability_a(rewards, held_out).cpu(),
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
