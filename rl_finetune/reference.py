"""The base as the reference of the KL: its predictions on a rollout, and the distance to them."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from rl_finetune import denoising
from rl_finetune.policy import DiffusionPolicy
from rl_finetune.rollout import Rollout, pair_up


@torch.no_grad()
def reference_predictions(
    policy: DiffusionPolicy, rollout: Rollout, chosen: Int[Tensor, "images chosen"], batch_size: int
) -> Float[Tensor, "images chosen channels height width"]:
    """Return the base's predictions at the chosen steps: once, whatever the number of updates."""
    images, indices = pair_up(chosen)
    predictions = []
    with policy.reference():
        for image, index in zip(images.split(batch_size), indices.split(batch_size), strict=True):
            prediction = policy.predict(
                rollout.latents[image, index],
                rollout.schedule.timesteps[index].to(policy.device),
                rollout.condition[image],
                guidance=rollout.guidance,
            )
            predictions.append(prediction)
    return torch.cat(predictions).unflatten(0, tuple(chosen.shape))


def rollout_kl(
    rollout: Rollout,
    chosen: Int[Tensor, "images chosen"],
    reference: Float[Tensor, "images chosen channels height width"],
) -> Float[Tensor, "images chosen"]:
    """Return the exact KL of each chosen step, of the policy that sampled to the base, in nats."""
    images, indices = pair_up(chosen)
    step = rollout.schedule.at(indices, reference.device)
    predictions = rollout.predictions[images, indices]
    kl = denoising.step_kl(predictions, reference.flatten(0, 1), step)
    return kl.unflatten(0, tuple(chosen.shape)).cpu()


def rollout_log_ratio(
    rollout: Rollout,
    chosen: Int[Tensor, "images chosen"],
    reference: Float[Tensor, "images chosen channels height width"],
) -> Float[Tensor, "images chosen"]:
    """Return log p - log p_ref of each chosen step as it was taken; its mean is the KL."""
    images, indices = pair_up(chosen)
    step = rollout.schedule.at(indices, reference.device)
    to_reference = denoising.log_ratio(
        reference.flatten(0, 1),
        rollout.predictions[images, indices],
        rollout.noise[images, indices],
        step,
    )
    return -to_reference.unflatten(0, tuple(chosen.shape)).cpu()


def measure_kl(
    policy: DiffusionPolicy, rollout: Rollout, batch_size: int
) -> Float[Tensor, " images"]:
    """Return the KL that each image of a rollout spent: the sum over all its steps, in nats."""
    steps = rollout.schedule.stochastic_steps.expand(len(rollout.seeds), -1)
    reference = reference_predictions(policy, rollout, steps, batch_size)
    return rollout_kl(rollout, steps, reference).sum(1)
