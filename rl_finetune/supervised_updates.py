"""Updates of the supervised baselines: a batch of images, noised, and one gradient step."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from rl_finetune.dataset import Dataset
from rl_finetune.learner import Learner, take_step
from rl_finetune.shares import share_of_batch
from rl_finetune.supervised import SupervisedTerms, supervised_terms
from rl_finetune.supervised_config import SupervisedConfig, SupervisedObjective

_SEED_LIMIT = 2**31


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Images of the dataset with what was drawn for each, on the CPU."""

    images: Int[Tensor, " batch"]
    levels: Int[Tensor, " batch"]
    """Noise levels: the timesteps that the network was trained on."""
    noise: Float[Tensor, "batch channels height width"]

    def of(self, rows: Int[Tensor, " rows"]) -> "Batch":
        """Return some of the batch."""
        return Batch(images=self.images[rows], levels=self.levels[rows], noise=self.noise[rows])


@dataclass(frozen=True, kw_only=True)
class SupervisedReport:
    """Means over an update's images."""

    loss: float
    grad_norm: float
    """Before it was scaled down."""
    weight: float
    denoising: float
    penalty: float
    """See `supervised.SupervisedTerms`."""


def draw_batch(rng: np.random.Generator, dataset: Dataset, *, size: int, num_levels: int) -> Batch:
    """Draw images, noise levels and noise, all independent; alike in every process."""
    images = torch.from_numpy(rng.integers(len(dataset.rewards), size=size))
    levels = torch.from_numpy(rng.integers(num_levels, size=size))
    generator = torch.Generator().manual_seed(int(rng.integers(_SEED_LIMIT)))
    shape = (size, *dataset.latents.shape[1:])
    return Batch(images=images, levels=levels, noise=torch.randn(shape, generator=generator))


def update_on_dataset(
    learner: Learner,
    dataset: Dataset,
    objective: SupervisedObjective,
    config: SupervisedConfig,
    rng: np.random.Generator,
) -> SupervisedReport:
    """Take one step; each process looks at its share of the batch."""
    processes, size = learner.processes, config.batch_size
    batch = draw_batch(rng, dataset, size=size, num_levels=learner.policy.num_noise_levels)
    ours = torch.arange(size)[share_of_batch(processes, size)]
    terms = list[SupervisedTerms]()

    def loss_of(rows: Int[Tensor, " rows"]) -> Float[Tensor, ""]:
        evaluated = _evaluate(learner, dataset, batch.of(rows), objective, config.gamma)
        terms.append(replace(evaluated, loss=evaluated.loss.detach()))
        return evaluated.loss.sum() / size

    loss, norm = take_step(learner, map(loss_of, ours.split(learner.settings.batch_size)))
    weight, denoising, penalty = (
        processes.sum(torch.cat([getattr(part, name) for part in terms]).sum().item()) / size
        for name in ("weight", "denoising", "penalty")
    )
    return SupervisedReport(
        loss=loss, grad_norm=norm, weight=weight, denoising=denoising, penalty=penalty
    )


def _evaluate(
    learner: Learner,
    dataset: Dataset,
    batch: Batch,
    objective: SupervisedObjective,
    gamma: float,
) -> SupervisedTerms:
    policy = learner.policy
    latents, noise, timesteps = (
        tensor.to(policy.device)
        for tensor in (dataset.latents[batch.images], batch.noise, batch.levels)
    )
    noisy, target = policy.add_noise(latents, noise, timesteps)
    condition = policy.encode_prompts([dataset.texts[image] for image in batch.images.tolist()])
    prediction = policy.predict(noisy, timesteps, condition, guidance=1.0)
    with torch.no_grad(), policy.reference():
        reference = policy.predict(noisy, timesteps, condition, guidance=1.0)
    return supervised_terms(
        prediction,
        target=target,
        reference=reference,
        rewards=dataset.rewards[batch.images].to(policy.device),
        objective=objective,
        gamma=gamma,
    )
