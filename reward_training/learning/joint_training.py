"""Several outputs in training side by side, on towers that they share.

An update is one optimiser step for each output, one after the other, on a batch of comparisons that
were asked its question. What an output does not read has no gradient in its step and is left alone,
so on frozen towers every output gets what a fit of its own would give it, bit for bit, where all
questions were asked about the same pairs. Towers that are trained take a step for each output.

Quality is taught by comparisons alone: that a liked image must win against those of other prompts
(`losses.contrast_loss`) says what was asked for, and would make an alignment output of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from data.errors import RewardError
from data.records import Aspect
from devices.processes import Processes
from reward_training.combined import CombinedReward
from reward_training.config import TrainingConfig
from reward_training.inputs.dataset import Comparisons
from reward_training.inputs.features import PairFeatures
from reward_training.learning.training import Fitting, TrainedOutput
from reward_training.learning.training_loop import TrainingLoop


@dataclass(frozen=True)
class JointFitting(TrainingLoop[CombinedReward]):
    """A reward of several outputs in training; each comparison teaches the output of its aspect."""

    reward: CombinedReward
    fittings: Mapping[Aspect, Fitting]
    config: TrainingConfig
    untouched: dict[str, Tensor]
    processes: Processes

    @classmethod
    def begin(
        cls,
        reward: CombinedReward,
        features: PairFeatures,
        config: TrainingConfig,
        comparisons: Comparisons,
    ) -> "JointFitting":
        """Start every output as a fit of it alone would, but for the contrast of quality.

        Raises `RewardError` where quality would have nothing to learn from.
        """
        if config.likelihood == 0:
            raise RewardError(
                "training.likelihood: expected more than 0 with two outputs, got 0: quality learns "
                "from comparisons alone, without contrast"
            )
        fittings: dict[Aspect, Fitting] = {}
        for name, output in reward.outputs.items():
            own = comparisons.take(comparisons.rows_about(Aspect(name)))
            fitting = Fitting.begin(output, features, _told(Aspect(name), config), own)
            # The whole keeps the untouched weights, towers included, once.
            fittings[Aspect(name)] = replace(fitting, untouched={})
        return cls(reward, fittings, config, reward.copy_trained_weights(), Processes())

    def prepare_for(self, comparisons: Comparisons) -> None:
        """Let every head read what tells the texts apart that its question was asked about."""
        for output in self.outputs(comparisons):
            output.fitting.prepare_for(comparisons.take(output.rows))

    def outputs(self, comparisons: Comparisons) -> list[TrainedOutput]:
        """Return the outputs that some of these comparisons are about."""
        found = [
            TrainedOutput(aspect.value, fitting, comparisons.rows_about(aspect))
            for aspect, fitting in self.fittings.items()
        ]
        return [output for output in found if len(output.rows)]

    def learn(
        self, comparisons: Comparisons, update: int, optimiser: torch.optim.Optimizer
    ) -> float:
        """Take a step for each output and return the mean of their losses."""
        losses = [
            output.fitting.learn(comparisons.take(output.rows), update, optimiser)
            for output in self.outputs(comparisons)
        ]
        return sum(losses) / len(losses)

    def all_rewards(self, comparisons: Comparisons) -> Float[Tensor, "pairs 2"]:
        """Return the raw rewards by the output that each comparison is about."""
        rewards = torch.empty(len(comparisons), 2, device=self.reward.backbone.device)
        for output in self.outputs(comparisons):
            own = output.fitting.all_rewards(comparisons.take(output.rows))
            rewards[output.rows.to(rewards.device)] = own
        return rewards

    def probability_a(
        self, rewards: Float[Tensor, "pairs 2"], comparisons: Comparisons
    ) -> Float[Tensor, " pairs"]:
        """Return the probabilities by the output that each comparison is about."""
        probabilities = torch.empty(len(comparisons), device=rewards.device)
        for output in self.outputs(comparisons):
            rows = output.rows.to(rewards.device)
            probabilities[rows] = output.fitting.reward.probability_a(rewards[rows])
        return probabilities

    def held_out_loss(self, rewards: Float[Tensor, "pairs 2"], comparisons: Comparisons) -> float:
        """Return the mean over all comparisons of the outputs' losses."""
        return sum(
            output.fitting.held_out_loss(
                rewards[output.rows.to(rewards.device)], comparisons.take(output.rows)
            )
            * (len(output.rows) / len(comparisons))
            for output in self.outputs(comparisons)
        )


def _told(aspect: Aspect, config: TrainingConfig) -> TrainingConfig:
    """Leave contrast out of quality: what other prompts' images are like says nothing of it."""
    return replace(config, contrast=0.0) if aspect is Aspect.QUALITY else config
