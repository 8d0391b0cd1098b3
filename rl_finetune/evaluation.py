"""Looking at what a policy draws with measures that it was not trained on, image by image."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from data.records import Prompt, Split
from rl_finetune.config import SamplingConfig
from rl_finetune.distributions import mean_cosine_distances
from rl_finetune.image_statistics import edge_density, saturation
from rl_finetune.policy import DiffusionPolicy
from rl_finetune.reference import measure_kl
from rl_finetune.rewards import Reward, Vision, score
from rl_finetune.rollout import collect

FIRST_SEED = 2**31
"""Image seeds of evaluation count from here; those of tuning are all below."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluatedImage:
    """One image, and what was found about it."""

    prompt: str
    family: str
    split: Split
    seed: int
    rewards: dict[str, float]
    """By what each reward is called."""
    kl: float
    """KL to the base that its denoising steps spent, in nats; 0 for the base's own images."""
    saturation: float
    edge_density: float
    distance: float | None
    """Mean cosine distance to the policy's other images of the prompt, whose mean over images is
    its diversity; none without a vision tower."""
    adapter_sha256: str | None = None
    """Of the file with what was trained of the policy; none for the base."""


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """A policy's images, prompt by prompt in the order of the prompts."""

    images: list[EvaluatedImage]
    features: Float[Tensor, "images features"] | None
    """Of unit length; none without a vision tower."""


def evaluate_policy(
    policy: DiffusionPolicy,
    prompts: Sequence[Prompt],
    seeds: Sequence[int],
    *,
    sampling: SamplingConfig,
    rewards: Mapping[str, Reward],
    vision: Vision | None,
    adapter_sha256: str | None = None,
    progress: str = "",
) -> Evaluated:
    """Draw an image per prompt and seed and look at it with everyone who has something to say.

    A text in `progress` is shown with a bar over the prompts.
    """
    images: list[EvaluatedImage] = []
    features: list[Tensor] = []
    for prompt in tqdm(prompts, desc=progress, unit="prompt", disable=not progress):
        pixels, kl = _draw(policy, prompt, seeds, sampling)
        found = None if vision is None else vision(pixels)
        images += _describe(prompt, seeds, pixels, kl, found, rewards)
        features += [] if found is None else [found]
    images = [replace(image, adapter_sha256=adapter_sha256) for image in images]
    return Evaluated(images=images, features=torch.cat(features) if features else None)


def _draw(
    policy: DiffusionPolicy, prompt: Prompt, seeds: Sequence[int], sampling: SamplingConfig
) -> tuple[Float[Tensor, "batch 3 height width"], Float[Tensor, " batch"]]:
    rollout = collect(
        policy,
        [prompt] * len(seeds),
        list(seeds),
        schedule=policy.schedule(sampling.num_steps, sampling.eta),
        guidance=sampling.guidance,
        batch_size=sampling.batch_size,
    )
    if not policy.adapter_parameters():
        return rollout.images, torch.zeros(len(seeds))
    return rollout.images, measure_kl(policy, rollout, sampling.batch_size)


def _describe(
    prompt: Prompt,
    seeds: Sequence[int],
    pixels: Float[Tensor, "batch 3 height width"],
    kl: Float[Tensor, " batch"],
    features: Float[Tensor, "batch features"] | None,
    rewards: Mapping[str, Reward],
) -> list[EvaluatedImage]:
    texts = [prompt.text] * len(seeds)
    scores = {name: score(reward, pixels, texts).tolist() for name, reward in rewards.items()}
    saturations, edges = saturation(pixels).tolist(), edge_density(pixels).tolist()
    distances = None if features is None else mean_cosine_distances(features).tolist()
    return [
        EvaluatedImage(
            prompt=prompt.text,
            family=prompt.family,
            split=prompt.split,
            seed=seed,
            rewards={name: values[n] for name, values in scores.items()},
            kl=kl[n].item(),
            saturation=saturations[n],
            edge_density=edges[n],
            distance=None if distances is None else distances[n],
        )
        for n, seed in enumerate(seeds)
    ]
