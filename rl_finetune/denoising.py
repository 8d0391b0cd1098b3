"""One denoising step as a Gaussian: mean, sample, log-prob, ratio and KL, exactly.

A stochastic DDIM step (DPOK, section 3; DDIM, Eqs. 12 and 16) draws

    x_prev ~ N(mu, sigma^2 I),    mu = sqrt(a_prev) x0_hat + sqrt(1 - a_prev - sigma^2) e

with `a` the cumulative alpha of the step, `a_prev` that of the next one, `x0_hat` the denoised
latents and `e` the noise that the network's prediction stands for. `mu` is affine in the
prediction, with slope `gain` (d mu / d prediction). So for two predictions of the same latents the
ratio of densities and the KL need their difference only, which is free of the cancellation that
two large log-probs would bring. Nothing here does I/O or draws random numbers.
"""

import math
from dataclasses import dataclass
from typing import Literal, get_args

from jaxtyping import Float
from torch import Tensor

PredictionType = Literal["epsilon", "v_prediction"]
PREDICTION_TYPES: tuple[PredictionType, ...] = get_args(PredictionType)


@dataclass(frozen=True, kw_only=True)
class Step:
    """The coefficients of one denoising step of each image; images may be at different steps."""

    alpha: Float[Tensor, " batch"]
    """Cumulative alpha where the step starts."""
    alpha_prev: Float[Tensor, " batch"]
    """Cumulative alpha where it ends."""
    sigma: Float[Tensor, " batch"]
    """Standard deviation of the step's noise."""
    gain: Float[Tensor, " batch"]
    """Slope d mu / d prediction."""
    prediction_type: PredictionType
    """What the network predicts."""


def denoised_and_noise(
    latents: Float[Tensor, "batch channels height width"],
    prediction: Float[Tensor, "batch channels height width"],
    step: Step,
) -> tuple[
    Float[Tensor, "batch channels height width"], Float[Tensor, "batch channels height width"]
]:
    """Split noisy latents into the denoised latents and the noise that a prediction implies."""
    signal, noise_level = _per_image(step.alpha).sqrt(), (1 - _per_image(step.alpha)).sqrt()
    if step.prediction_type == "epsilon":
        return (latents - noise_level * prediction) / signal, prediction
    denoised = signal * latents - noise_level * prediction
    return denoised, signal * prediction + noise_level * latents


def mean(
    latents: Float[Tensor, "batch channels height width"],
    prediction: Float[Tensor, "batch channels height width"],
    step: Step,
) -> Float[Tensor, "batch channels height width"]:
    """Return mu, where the step goes on average (DDIM, Eq. 12)."""
    denoised, noise = denoised_and_noise(latents, prediction, step)
    alpha_prev, sigma = _per_image(step.alpha_prev), _per_image(step.sigma)
    direction = (1 - alpha_prev - sigma**2).clamp(min=0).sqrt()
    return alpha_prev.sqrt() * denoised + direction * noise


def sample(
    mean: Float[Tensor, "batch channels height width"],
    noise: Float[Tensor, "batch channels height width"],
    step: Step,
) -> Float[Tensor, "batch channels height width"]:
    """Return the latents after the step, given standard normal noise."""
    return mean + _per_image(step.sigma) * noise


def log_prob(
    latents_prev: Float[Tensor, "batch channels height width"],
    mean: Float[Tensor, "batch channels height width"],
    step: Step,
) -> Float[Tensor, " batch"]:
    """Return log N(latents_prev; mean, sigma^2 I), summed over the latent; sigma must not be 0."""
    deviation = (latents_prev - mean) / _per_image(step.sigma)
    return log_prob_of_noise(deviation, step)


def log_prob_of_noise(
    noise: Float[Tensor, "batch channels height width"], step: Step
) -> Float[Tensor, " batch"]:
    """Return the log-prob of the latents that `sample` made of this noise: no network needed."""
    size = noise[0].numel()
    normaliser = size * (step.sigma.log() + 0.5 * math.log(2 * math.pi))
    return -0.5 * _sum_of_squares(noise) - normaliser


def log_ratio(
    prediction: Float[Tensor, "batch channels height width"],
    old_prediction: Float[Tensor, "batch channels height width"],
    noise: Float[Tensor, "batch channels height width"],
    step: Step,
) -> Float[Tensor, " batch"]:
    """Return log p(x_prev) - log p_old(x_prev) in nats, where `noise` made x_prev from p_old.

    With d = (mu - mu_old) / sigma it is d . noise - |d|^2 / 2: exactly 0 for equal predictions.
    """
    shift = _per_image(step.gain / step.sigma) * (prediction - old_prediction)
    return (shift * noise).flatten(1).sum(1) - 0.5 * _sum_of_squares(shift)


def step_kl(
    prediction: Float[Tensor, "batch channels height width"],
    reference: Float[Tensor, "batch channels height width"],
    step: Step,
) -> Float[Tensor, " batch"]:
    """Return KL(p || p_ref) = |mu - mu_ref|^2 / (2 sigma^2) of one step, in nats."""
    return kl_weight(step) * _sum_of_squares(prediction - reference)


def kl_weight(step: Step) -> Float[Tensor, " batch"]:
    """Return w_t, such that the step's KL is w_t |prediction - reference|^2."""
    return 0.5 * (step.gain / step.sigma) ** 2


def mean_gain(
    alpha: Float[Tensor, " steps"],
    alpha_prev: Float[Tensor, " steps"],
    sigma: Float[Tensor, " steps"],
    prediction_type: PredictionType,
) -> Float[Tensor, " steps"]:
    """Return d mu / d prediction, in double precision inside: it is a difference of near equals."""
    alpha, alpha_prev, sigma_ = alpha.double(), alpha_prev.double(), sigma.double()
    direction = (1 - alpha_prev - sigma_**2).clamp(min=0).sqrt()
    pull = alpha_prev.sqrt() * (1 - alpha).sqrt()
    if prediction_type == "epsilon":
        return (direction - pull / alpha.sqrt()).to(sigma.dtype)
    return (direction * alpha.sqrt() - pull).to(sigma.dtype)


def _per_image(coefficient: Float[Tensor, " batch"]) -> Float[Tensor, "batch 1 1 1"]:
    return coefficient[:, None, None, None]


def _sum_of_squares(
    values: Float[Tensor, "batch channels height width"],
) -> Float[Tensor, " batch"]:
    return values.square().flatten(1).sum(1)
