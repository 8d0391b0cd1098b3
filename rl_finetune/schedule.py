"""The denoising steps of a run: a scheduler's config made into coefficients, step by step.

Timesteps and alphas come from diffusers' own `DDIMScheduler`, whatever DDIM-compatible class the
model's folder names (timestep spacing, set_alpha_to_one and all), and every step agrees with
`DDIMScheduler.step`. Clipping or thresholding of the denoised latents is no part of a Gaussian step
and is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_utils import KarrasDiffusionSchedulers
from jaxtyping import Float, Int
from torch import Tensor

from data.errors import PolicyError
from rl_finetune.denoising import PREDICTION_TYPES, PredictionType, Step, mean_gain


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Coefficients of all denoising steps in the order in which they are taken, on the CPU."""

    timesteps: Int[Tensor, " steps"]
    """The integers that tell the network where it is."""
    alpha: Float[Tensor, " steps"]
    alpha_prev: Float[Tensor, " steps"]
    sigma: Float[Tensor, " steps"]
    gain: Float[Tensor, " steps"]
    prediction_type: PredictionType
    eta: float

    @property
    def num_steps(self) -> int:
        """Number of denoising steps."""
        return len(self.timesteps)

    @property
    def stochastic_steps(self) -> Int[Tensor, " stochastic"]:
        """Indices of the steps with noise; the others have no density and cannot be trained."""
        return torch.nonzero(self.sigma > 0)[:, 0]

    def at(self, indices: Int[Tensor, " batch"], device: torch.device) -> Step:
        """Return the coefficients of one step index per image, on `device`."""
        return Step(
            alpha=self.alpha[indices].to(device),
            alpha_prev=self.alpha_prev[indices].to(device),
            sigma=self.sigma[indices].to(device),
            gain=self.gain[indices].to(device),
            prediction_type=self.prediction_type,
        )


def make_schedule(config: Mapping[str, Any], *, num_steps: int, eta: float) -> Schedule:
    """Read a scheduler's config into the coefficients of `num_steps` steps; eta in [0, 1].

    Raises `PolicyError` for what is not a plain DDIM step or for more steps than were trained.
    """
    _refuse_unsuitable(config, num_steps)
    scheduler = cast(DDIMScheduler, DDIMScheduler.from_config(dict(config)))
    scheduler.set_timesteps(num_steps)
    timesteps, alphas = scheduler.timesteps, scheduler.alphas_cumprod
    if int(timesteps.max()) >= len(alphas):
        raise PolicyError(f"sampling.num_steps {num_steps} is one too many for this scheduler")
    previous = timesteps - len(alphas) // num_steps
    alpha = alphas[timesteps]
    alpha_prev = torch.where(
        previous >= 0, alphas[previous.clamp(min=0)], scheduler.final_alpha_cumprod
    )
    # In the order and precision of DDIMScheduler, so that images agree with plain diffusers.
    variance = (1 - alpha_prev) / (1 - alpha) * (1 - alpha / alpha_prev)
    sigma = eta * variance**0.5
    kind: PredictionType = config.get("prediction_type", "epsilon")
    return Schedule(
        timesteps=timesteps,
        alpha=alpha,
        alpha_prev=alpha_prev,
        sigma=sigma,
        gain=mean_gain(alpha, alpha_prev, sigma, kind),
        prediction_type=kind,
        eta=eta,
    )


def _refuse_unsuitable(config: Mapping[str, Any], num_steps: int) -> None:
    family = [scheduler.name for scheduler in KarrasDiffusionSchedulers]
    if config.get("_class_name", "DDIMScheduler") not in family:
        raise PolicyError(
            f"the scheduler is a {config['_class_name']}; expected one that DDIM can stand in for"
        )
    kind = config.get("prediction_type", "epsilon")
    if kind not in PREDICTION_TYPES:
        raise PolicyError(
            f"the scheduler's prediction_type is {kind!r}; supported are {PREDICTION_TYPES}"
        )
    for name in ("clip_sample", "thresholding"):
        if config.get(name, False):
            raise PolicyError(f"the scheduler's {name} is on; latent diffusion needs it off")
    trained = config.get("num_train_timesteps", 1000)
    if num_steps > trained:
        raise PolicyError(
            f"sampling.num_steps {num_steps} is more than the {trained} the model was trained with"
        )
