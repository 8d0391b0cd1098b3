"""The one file from which an interrupted fit goes on."""

import io
from dataclasses import asdict, dataclass, field
from pathlib import Path
from pickle import UnpicklingError

import torch
from jaxtyping import Float
from torch import Tensor

from data.errors import RewardError
from data.files import write_atomically
from reward_training.learning.trainable import TrainableReward


@dataclass(frozen=True)
class Look:
    """What held-out comparisons said after some updates."""

    update: int
    train_loss: float | None
    """Mean over the updates since the look before; none before the first update."""
    held_out_loss: float
    margins: Float[Tensor, " pairs"]
    """Raw reward of image a minus that of image b."""
    probability_a: Float[Tensor, " pairs"]
    """Probability of image a where one is preferred."""


@dataclass
class TrainingState:
    """Where a training loop stands, apart from weights and optimiser."""

    update: int = 0
    losses: list[float] = field(default_factory=list)
    """Of the updates since the last look."""
    looks: list[Look] = field(default_factory=list)
    average: dict[str, Tensor] = field(default_factory=dict)
    """The trained weights, averaged over the updates so far; the fit's result."""
    is_done: bool = False


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint at `path`, valid for one fit only: the one that `key` is the digest of."""

    path: Path
    key: str

    def save(
        self, reward: TrainableReward, optimiser: torch.optim.Optimizer, state: TrainingState
    ) -> None:
        """Write trained weights, optimiser and state; the file before it stays until then."""
        content = io.BytesIO()
        torch.save(
            {
                "key": self.key,
                "weights": reward.copy_trained_weights(),
                "optimiser": optimiser.state_dict(),
                "state": asdict(state),
            },
            content,
        )
        write_atomically(self.path, content.getvalue())

    def restore(
        self, reward: TrainableReward, optimiser: torch.optim.Optimizer
    ) -> TrainingState | None:
        """Bring weights and optimiser back and return the state; None where there is none."""
        if not self.path.is_file():
            return None
        try:
            content = torch.load(self.path, map_location="cpu", weights_only=True)
        except (RuntimeError, EOFError, UnpicklingError):
            raise RewardError(
                f"{self.path} is no checkpoint; delete it to fit from the start"
            ) from None
        if content["key"] != self.key:
            return None
        reward.load_trained_weights(content["weights"])
        optimiser.load_state_dict(content["optimiser"])
        state = content["state"]
        return TrainingState(**state | {"looks": [Look(**look) for look in state["looks"]]})
