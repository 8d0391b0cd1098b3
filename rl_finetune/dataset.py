"""What the supervised baselines learn from: images drawn and rewarded once, from the base."""

from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor
from tqdm import tqdm

from data.errors import PolicyError
from data.files import write_atomically
from rl_finetune.drawing import draw
from rl_finetune.plan import IterationPlan, plan_iteration
from rl_finetune.session import Session


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """All that was drawn; every process holds all of it, on the CPU."""

    latents: Float[Tensor, "images channels height width"]
    rewards: Float[Tensor, " images"]
    texts: list[str]
    """Prompt of each image."""


def draw_dataset(session: Session, folder: Path, *, progress: bool) -> Dataset:
    """Draw what is missing: a file per draw, so that a run that stopped goes on where it was.

    The images are those that DPOK would draw in its iterations if it never learned.
    """
    config = session.config
    parts, texts = [], []
    numbers = range(1, config.supervised.num_draws + 1)
    for number in tqdm(numbers, desc="draw from the base", unit="draw", disable=not progress):
        path = folder / f"{number:06d}.safetensors"
        plan = plan_iteration(session.prompts, config.sampling, seed=config.seed, iteration=number)
        parts.append(_read(path) if path.exists() else _draw(session, plan, path))
        texts += [prompt.text for prompt in plan.prompts]
    return Dataset(
        latents=torch.cat([part["latents"] for part in parts]),
        rewards=torch.cat([part["rewards"] for part in parts]),
        texts=texts,
    )


def _read(path: Path) -> dict[str, Tensor]:
    try:
        return load(path.read_bytes())
    except (OSError, SafetensorError) as error:
        raise PolicyError(f"{path} cannot be read; delete it to have it drawn again") from error


def _draw(session: Session, plan: IterationPlan, path: Path) -> dict[str, Tensor]:
    processes = session.processes
    with session.learner.policy.reference():
        drawn = draw(session, plan)
    tensors = {
        "latents": processes.gather(drawn.rollout.latents[:, -1].cpu().contiguous()),
        "rewards": processes.gather(drawn.rewards),
    }
    if processes.is_main:
        write_atomically(path, save(tensors))
    return tensors
