"""What DPOK is told: its objective, and how rewards become advantages."""

from dataclasses import dataclass
from typing import Literal

from rl_finetune.validation import require

Baseline = Literal["running", "group", "start"]
GuidanceGradient = Literal["both", "conditional"]


@dataclass(frozen=True, kw_only=True, slots=True)
class DpokConfig:
    """DPOK's objective (Eq. 9) with PPO's pessimistic clip; `kl_weight` 0 makes it DDPO."""

    reward_weight: float = 1.0
    """Weight alpha of the reward; advantages are normalised, so only kl_weight / alpha matters."""
    kl_weight: float = 0.02
    """Weight beta of the KL to the base, in advantage units per nat of one denoising step."""
    kl_in: Literal["loss", "reward"] = "loss"
    """Charge the KL as a term of the loss (Eq. 9), or subtract its estimate from the reward."""
    clip_nats: float = 0.2
    """Half-width of PPO's trust region: nats of one step's joint log-prob, whatever the size."""
    window: float = 0.2
    """Share of the denoising, from pure noise on, that the reward trains; 1 is the paper's. Later
    steps settle details: their gradients are mostly noise, and where sigma is small they drown the
    others'."""
    num_train_steps: int | None = None
    """Denoising steps of the window trained per image, drawn anew and re-weighted; none given
    trains them all."""
    num_kl_steps: int = 1
    """Denoising steps after the window per image, drawn anew and re-weighted, for the KL alone."""
    guidance_gradient: GuidanceGradient = "both"
    """Branches of guidance that carry gradient: both, or only the conditional (cheaper)."""

    def __post_init__(self) -> None:
        for name in ("reward_weight", "kl_weight"):
            require(getattr(self, name) >= 0, f"dpok.{name}", getattr(self, name), ">= 0")
        require(self.clip_nats > 0, "dpok.clip_nats", self.clip_nats, "> 0")
        require(0 < self.window <= 1, "dpok.window", self.window, "in (0, 1]")
        require(self.num_kl_steps >= 1, "dpok.num_kl_steps", self.num_kl_steps, ">= 1")


@dataclass(frozen=True, kw_only=True, slots=True)
class AdvantageConfig:
    """How rewards become advantages, per prompt."""

    baseline: Baseline = "running"
    """What a reward is compared with: the mean of the prompt's latest `window` rewards ("running"),
    of this iteration's alone ("group"), or of this iteration's, all of which then start from the
    same pure noise ("start")."""
    window: int = 48
    """Rewards per prompt whose deviation from the baseline is the unit of an advantage."""
    std_floor: float = 0.1
    """A prompt's standard deviation counts as at least this share of the typical prompt's."""
    max_advantage: float = 5.0
    """Advantages are clipped to this many standard deviations."""

    def __post_init__(self) -> None:
        require(self.window >= 2, "advantage.window", self.window, ">= 2")
        require(self.std_floor >= 0, "advantage.std_floor", self.std_floor, ">= 0")
        require(self.max_advantage > 0, "advantage.max_advantage", self.max_advantage, "> 0")
