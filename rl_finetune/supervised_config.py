"""What the supervised baselines are told."""

from dataclasses import dataclass
from typing import Literal

from rl_finetune.validation import require

SupervisedObjective = Literal["supervised", "supervised-kl-d", "supervised-kl-o"]


@dataclass(frozen=True, kw_only=True, slots=True)
class SupervisedConfig:
    """Images drawn once from the base, and how they are learned from."""

    num_draws: int = 100
    """Iterations' worth of images (sampling.num_prompts x num_images_per_prompt) drawn and rewarded
    before the first update: as many rewards as DPOK asks for in as many iterations."""
    gamma: float = 2.0
    """Weight of the KL's surrogate: added to rewards (KL-D), or times the penalty (KL-O)."""
    num_updates: int = 10
    """Updates per iteration; an iteration also measures reward and KL on fresh images."""
    batch_size: int = 48
    """Images per update, drawn at random, each at a random noise level."""

    def __post_init__(self) -> None:
        for name in ("num_draws", "num_updates", "batch_size"):
            require(getattr(self, name) >= 1, f"supervised.{name}", getattr(self, name), ">= 1")
        require(self.gamma >= 0, "supervised.gamma", self.gamma, ">= 0")
