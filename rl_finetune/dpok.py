"""DPOK's objective, term by term of Eq. 9, with PPO's pessimistic clip.

Per transition, with advantage A, ratio rho = p / p_old of one denoising step and the exact step KL:

    alpha max(-A rho, -A clamp(rho, e^-c, e^c)) + beta KL(p || p_ref)

Its gradient at rho = 1 is -alpha A grad log p + beta grad KL: Eq. 9. That equation charges each
step's KL to the step itself and not to the actions that led there: a truncated gradient of an upper
bound of the images' KL (Lemma 4.2). With the KL in the reward instead, its score-function estimate
charges every action, at the price of more variance. beta = 0 is DDPO.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from rl_finetune import denoising
from rl_finetune.denoising import Step
from rl_finetune.dpok_config import DpokConfig


@dataclass(frozen=True, kw_only=True)
class Terms:
    """The objective of each transition and what it is made of; only `loss` carries gradient."""

    loss: Float[Tensor, " batch"]
    ratio: Float[Tensor, " batch"]
    is_clipped: Bool[Tensor, " batch"]
    """The ratio is outside the trust region."""
    is_live: Bool[Tensor, " batch"]
    """The policy term has a gradient: inside the region, or outside it on the losing side."""


def dpok_terms(
    prediction: Float[Tensor, "batch channels height width"],
    *,
    old: Float[Tensor, "batch channels height width"],
    reference: Float[Tensor, "batch channels height width"],
    noise: Float[Tensor, "batch channels height width"],
    step: Step,
    advantages: Float[Tensor, " batch"],
    policy_weights: Float[Tensor, " batch"],
    kl_weights: Float[Tensor, " batch"],
    config: DpokConfig,
) -> Terms:
    """Return the terms of DPOK's loss (Eq. 9).

    Their sum over all transitions, divided by the number of images, is the objective.

    Args:
        prediction: What the policy predicts, with gradient.
        old: What the policy that sampled predicted.
        reference: What the base predicts.
        noise: The standard normal noise of each transition's sample.
        step: Coefficients of each transition's denoising step.
        advantages: A of each transition's image.
        policy_weights: How many steps each transition stands for in the reward term.
        kl_weights: The same in the KL term.
        config: alpha, beta, the trust region and where the KL stands.
    """
    log_ratio = denoising.log_ratio(prediction, old, noise, step)
    unit = prediction[0].numel() if config.log_prob == "mean" else 1
    clipped_loss = pessimistic_loss if config.clip == "pessimistic" else hard_loss
    policy_loss = clipped_loss(log_ratio / unit, advantages, config.clip_nats / unit)
    loss = config.reward_weight * policy_weights * policy_loss
    if config.kl_in == "loss":
        penalty = denoising.step_kl if config.kl == "exact" else unweighted_kl
        loss = loss + config.kl_weight * kl_weights * penalty(prediction, reference, step)
    log_ratio = log_ratio.detach()
    is_clipped = log_ratio.abs() > config.clip_nats
    is_winning = log_ratio * advantages > 0
    return Terms(
        loss=loss,
        ratio=log_ratio.exp(),
        is_clipped=is_clipped,
        is_live=~(is_clipped & (is_winning | (config.clip == "hard"))),
    )


def pessimistic_loss(
    log_ratio: Float[Tensor, " batch"], advantages: Float[Tensor, " batch"], clip_nats: float
) -> Float[Tensor, " batch"]:
    """Return PPO's clipped loss, the worse of the clipped and the unclipped one (PPO, Eq. 7)."""
    clipped = log_ratio.clamp(-clip_nats, clip_nats)
    return torch.maximum(-advantages * log_ratio.exp(), -advantages * clipped.exp())


def hard_loss(
    log_ratio: Float[Tensor, " batch"], advantages: Float[Tensor, " batch"], clip_nats: float
) -> Float[Tensor, " batch"]:
    """Return the clipped loss alone, as the authors' code does: no way back into the region."""
    return -advantages * log_ratio.clamp(-clip_nats, clip_nats).exp()


def unweighted_kl(
    prediction: Float[Tensor, "batch channels height width"],
    reference: Float[Tensor, "batch channels height width"],
    _: Step,
) -> Float[Tensor, " batch"]:
    """Return the mean squared difference, which the authors' code has in the KL's place."""
    return (prediction - reference).square().flatten(1).mean(1)


def penalised_rewards(
    rewards: Float[Tensor, " images"],
    log_ratio_to_reference: Float[Tensor, "images steps"],
    weight: float,
) -> Float[Tensor, " images"]:
    """Subtract `weight`, beta / alpha, times the trajectory's log-ratio: its mean is the KL.

    The sampled log-ratio and not the KL itself: times the score it gives both parts of the KL's
    gradient, the direct one and the one through the states visited, for the steps that are trained
    (`dpok.window` 1 trains all).
    """
    return rewards - weight * log_ratio_to_reference.sum(1)
