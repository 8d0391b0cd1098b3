"""The paper's supervised baselines (section 4.3): a denoising loss weighted by the reward.

Images are drawn once, from the base. With an image's reward r, g for `gamma`, and |.|^2 as the mean
over the latent's entries:

    supervised        max(r, 0) |target - prediction|^2                               (Eq. 10)
    supervised-kl-d   max(r + g, 0) |target - prediction|^2             (KL-D, by the data)
    supervised-kl-o   max(r, 0) |target - prediction|^2 + g |prediction - reference|^2     (KL-O)

KL-D: the denoising loss on the base's own images bounds KL(p_pre || p), so a constant added to all
rewards adds that KL (Lemma 4.3). KL-O penalises the step's KL without its weight w_t, on the same
noisy latents. Weights are never negative: the loss has no lower bound where they are.
"""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from rl_finetune.supervised_config import SupervisedObjective


@dataclass(frozen=True, kw_only=True)
class SupervisedTerms:
    """The loss of each image and what it is made of; only `loss` carries gradient."""

    loss: Float[Tensor, " batch"]
    weight: Float[Tensor, " batch"]
    denoising: Float[Tensor, " batch"]
    """Mean squared error of the prediction, without the weight."""
    penalty: Float[Tensor, " batch"]
    """Mean squared difference to the base's prediction, without gamma."""


def supervised_terms(
    prediction: Float[Tensor, "batch channels height width"],
    *,
    target: Float[Tensor, "batch channels height width"],
    reference: Float[Tensor, "batch channels height width"],
    rewards: Float[Tensor, " batch"],
    objective: SupervisedObjective,
    gamma: float,
) -> SupervisedTerms:
    """Return the terms of one objective; its loss is their mean over images and noise levels.

    Args:
        prediction: What the policy predicts for noisy latents, without guidance, with gradient.
        target: What it should predict, the noise or the velocity.
        reference: What the base predicts.
        rewards: r of each image.
        objective: Which of the three.
        gamma: Weight of the KL's surrogate.
    """
    weight = (rewards + (gamma if objective == "supervised-kl-d" else 0.0)).clamp(min=0)
    denoising = _mean_square(target - prediction)
    penalty = _mean_square(prediction - reference)
    loss = weight * denoising
    if objective == "supervised-kl-o":
        loss = loss + gamma * penalty
    return SupervisedTerms(
        loss=loss, weight=weight, denoising=denoising.detach(), penalty=penalty.detach()
    )


def _mean_square(
    difference: Float[Tensor, "batch channels height width"],
) -> Float[Tensor, " batch"]:
    return difference.square().flatten(1).mean(1)
