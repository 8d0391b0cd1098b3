"""Rollouts: everything recorded while sampling, and the transitions that are trained on.

Latents, noise and predictions are kept in fp32. From the noise that was drawn the log-prob of each
step is known without another pass (`denoising.log_prob_of_noise`), and from the prediction that was
made its ratio to any later policy (`denoising.log_ratio`).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from data.records import Prompt
from rl_finetune import denoising
from rl_finetune.policy import DiffusionPolicy
from rl_finetune.sampling import denoising_steps
from rl_finetune.schedule import Schedule
from rl_finetune.steps import ChosenSteps


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """One iteration's images with every denoising step that made them."""

    prompts: list[Prompt]
    seeds: list[int]
    schedule: Schedule
    guidance: float
    condition: Float[Tensor, "batch tokens features"]
    predictions: Float[Tensor, "batch steps channels height width"]
    """Guided predictions of the policy that sampled."""
    noise: Float[Tensor, "batch steps channels height width"]
    latents: Float[Tensor, "batch steps+1 channels height width"]
    """From pure noise to what was decoded."""
    images: Float[Tensor, "batch 3 image_height image_width"]

    def log_prob(self) -> Float[Tensor, "batch steps"]:
        """Return the log-prob of each step under the policy that took it; inf without noise."""
        size, device = len(self.seeds), self.noise.device
        columns = [
            denoising.log_prob_of_noise(
                self.noise[:, index], self.schedule.at(torch.full((size,), index), device)
            )
            for index in range(self.schedule.num_steps)
        ]
        return torch.stack(columns, dim=1)


@dataclass(frozen=True, kw_only=True)
class Transitions:
    """Denoising steps to train on, each of any image and any step of a rollout."""

    num_images: int
    """Images of the whole rollout, which the objective is a mean over."""
    indices: Int[Tensor, " batch"]
    """Which step of the schedule each one is."""
    policy_weights: Float[Tensor, " batch"]
    """How many steps each one stands for in the objective's reward term."""
    kl_weights: Float[Tensor, " batch"]
    """How many steps each one stands for in its KL term."""
    latents: Float[Tensor, "batch channels height width"]
    condition: Float[Tensor, "batch tokens features"]
    noise: Float[Tensor, "batch channels height width"]
    old_prediction: Float[Tensor, "batch channels height width"]
    """What the policy that sampled predicted."""
    reference: Float[Tensor, "batch channels height width"]
    """What the base predicts."""
    advantages: Float[Tensor, " batch"]

    def __len__(self) -> int:
        return len(self.indices)

    def split(self, size: int) -> Iterator["Transitions"]:
        """Yield consecutive parts of at most `size` transitions."""
        for start in range(0, len(self), size):
            part = slice(start, start + size)
            yield replace(
                self,
                indices=self.indices[part],
                policy_weights=self.policy_weights[part],
                kl_weights=self.kl_weights[part],
                latents=self.latents[part],
                condition=self.condition[part],
                noise=self.noise[part],
                old_prediction=self.old_prediction[part],
                reference=self.reference[part],
                advantages=self.advantages[part],
            )


def collect(
    policy: DiffusionPolicy,
    prompts: list[Prompt],
    seeds: list[int],
    *,
    schedule: Schedule,
    guidance: float,
    batch_size: int,
    starts: list[int] | None = None,
) -> Rollout:
    """Draw one image per prompt and seed and record every denoising step.

    `starts` are the seeds whose images' pure noise is taken instead of the images' own.
    """
    condition = policy.encode_prompts([prompt.text for prompt in prompts])
    latents, predictions, noise, images = [], [], [], []
    for start in range(0, len(prompts), batch_size):
        part = slice(start, start + batch_size)
        steps = list(
            denoising_steps(
                policy,
                condition[part],
                seeds[part],
                schedule=schedule,
                guidance=guidance,
                starts=None if starts is None else starts[part],
            )
        )
        final = steps[-1].latents_prev
        latents.append(torch.stack([*(step.latents for step in steps), final], dim=1))
        predictions.append(torch.stack([step.prediction for step in steps], dim=1))
        noise.append(torch.stack([step.noise for step in steps], dim=1))
        images.append(policy.decode(final))
    return Rollout(
        prompts=prompts,
        seeds=seeds,
        schedule=schedule,
        guidance=guidance,
        condition=condition,
        predictions=torch.cat(predictions),
        noise=torch.cat(noise),
        latents=torch.cat(latents),
        images=torch.cat(images),
    )


def make_transitions(
    rollout: Rollout,
    advantages: Float[Tensor, "images chosen"],
    chosen: ChosenSteps,
    reference: Float[Tensor, "images chosen channels height width"],
) -> Transitions:
    """Gather the chosen steps of every image."""
    images, indices = pair_up(chosen.indices)
    num_images = len(chosen.indices)
    return Transitions(
        num_images=num_images,
        indices=indices,
        policy_weights=chosen.policy_weights.repeat(num_images).to(rollout.latents.device),
        kl_weights=chosen.kl_weights.repeat(num_images).to(rollout.latents.device),
        latents=rollout.latents[images, indices],
        condition=rollout.condition[images],
        noise=rollout.noise[images, indices],
        old_prediction=rollout.predictions[images, indices],
        reference=reference.flatten(0, 1),
        advantages=advantages.to(rollout.latents.device).flatten(),
    )


def pair_up(
    chosen: Int[Tensor, "images chosen"],
) -> tuple[Int[Tensor, " batch"], Int[Tensor, " batch"]]:
    """Return the image and the step of every chosen entry, row by row."""
    images = torch.arange(len(chosen))[:, None].expand_as(chosen)
    return images.flatten(), chosen.flatten()
