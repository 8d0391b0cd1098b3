"""What DPOK is told: its objective, and how rewards become advantages."""

from dataclasses import dataclass
from typing import Literal

from rl_finetune.validation import require

Baseline = Literal["running", "group", "start", "value", "none"]
GuidanceGradient = Literal["both", "conditional"]


@dataclass(frozen=True, kw_only=True, slots=True)
class DpokConfig:
    """DPOK's objective (Eq. 9) with PPO's pessimistic clip; `kl_weight` 0 makes it DDPO.

    By default `clip`, `log_prob` and `kl` are what the equations say; their other values are what
    the code that the authors released does instead, for the preset that reproduces it.
    """

    reward_weight: float = 1.0
    """Weight alpha of the reward. AdamW takes a loss of another scale for the same, so only
    kl_weight / alpha matters where optimiser.max_grad_norm does not act."""
    kl_weight: float = 0.01
    """Weight beta of the KL to the base per nat of one denoising step: in units of the advantage,
    or of the reward where it is charged to that."""
    kl_in: Literal["loss", "reward"] = "loss"
    """Charge the KL as a term of the loss (Eq. 9), or subtract its estimate from the reward."""
    target_kl: float | None = None
    """KL to the base, in nats per image, that kl_weight is steered to; if none, it stays fixed."""
    clip_nats: float = 0.2
    """Half-width of PPO's trust region: nats of one step's joint log-prob, whatever the size."""
    window: float = 0.4
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
    clip: Literal["pessimistic", "hard"] = "pessimistic"
    """Outside the trust region take PPO's pessimistic minimum, or no gradient whatever the sign."""
    log_prob: Literal["sum", "mean"] = "sum"
    """Make the ratio of the step's density, or of its mean over the latent's entries."""
    kl: Literal["exact", "unweighted"] = "exact"
    """Charge the step's KL, or the mean squared difference of the predictions, without w_t."""

    def __post_init__(self) -> None:
        for name in ("reward_weight", "kl_weight"):
            require(getattr(self, name) >= 0, f"dpok.{name}", getattr(self, name), ">= 0")
        require(self.clip_nats > 0, "dpok.clip_nats", self.clip_nats, "> 0")
        require(
            self.target_kl is None or (self.target_kl > 0 and self.kl_weight > 0),
            "dpok.target_kl",
            self.target_kl,
            f"> 0, with a dpok.kl_weight above 0 to start from (it is {self.kl_weight:g})",
        )
        require(
            self.kl_in == "loss" or self.kl == "exact",
            "dpok.kl",
            self.kl,
            "exact where the KL is charged to the reward",
        )
        require(
            self.kl_in == "loss" or self.reward_weight > 0,
            "dpok.reward_weight",
            self.reward_weight,
            "> 0 where the KL is charged to the reward",
        )
        require(0 < self.window <= 1, "dpok.window", self.window, "in (0, 1]")
        require(self.num_kl_steps >= 1, "dpok.num_kl_steps", self.num_kl_steps, ">= 1")


@dataclass(frozen=True, kw_only=True, slots=True)
class AdvantageConfig:
    """How rewards become advantages, per prompt."""

    baseline: Baseline = "running"
    """What a reward is compared with: the mean of the prompt's latest `window` rewards ("running"),
    of this iteration's alone ("group"), of this iteration's, all of which then start from the same
    pure noise ("start"), a learned V(x_t, t, z) ("value"; with scale "prompt" of what the running
    mean leaves), or nothing ("none")."""
    scale: Literal["prompt", "none"] = "prompt"
    """Unit of an advantage: the standard deviation of the prompt's rewards, or the reward's own."""
    window: int = 48
    """Rewards per prompt whose deviation from the baseline is the unit of an advantage."""
    std_floor: float = 0.1
    """A prompt's standard deviation counts as at least this share of the typical prompt's."""
    max_advantage: float = 5.0
    """Advantages are clipped to this many standard deviations; those in the reward's unit never."""

    def __post_init__(self) -> None:
        require(self.window >= 2, "advantage.window", self.window, ">= 2")
        require(self.std_floor >= 0, "advantage.std_floor", self.std_floor, ">= 0")
        require(self.max_advantage > 0, "advantage.max_advantage", self.max_advantage, "> 0")


@dataclass(frozen=True, kw_only=True, slots=True)
class ValueConfig:
    """The value function that `advantage.baseline: value` learns, as in the authors' code."""

    width: int = 256
    """Units of each of its three hidden layers."""
    learning_rate: float = 1e-4
    """Step size of AdamW."""
    num_updates: int = 5
    """Updates per iteration."""
    batch_size: int = 256
    """Denoising steps per update, drawn at random from the iteration's."""

    def __post_init__(self) -> None:
        for name in ("width", "num_updates", "batch_size"):
            require(getattr(self, name) >= 1, f"value.{name}", getattr(self, name), ">= 1")
        require(self.learning_rate > 0, "value.learning_rate", self.learning_rate, "> 0")
