"""From what an iteration drew to the numbers it reports, of all processes' images together."""

import math

from jaxtyping import Float, Int
from torch import Tensor

from data.records import Prompt
from devices.processes import Processes
from rl_finetune.drawing import Drawn
from rl_finetune.metrics import ImageMetrics
from rl_finetune.plan import IterationPlan


def summarise_images(
    processes: Processes,
    plan: IterationPlan,
    drawn: Drawn,
    *,
    kl: Float[Tensor, "images chosen"],
    indices: Int[Tensor, "images chosen"],
    weights: Float[Tensor, " chosen"],
) -> ImageMetrics:
    """Gather and summarise; `kl` is at the steps `indices`, each to count `weights` times."""
    rewards = processes.gather(drawn.rewards)
    kl, indices = processes.gather(kl), processes.gather(indices)
    return ImageMetrics(
        reward=rewards.mean().item(),
        reward_std=rewards.std(unbiased=False).item(),
        reward_by_prompt=_mean_by_prompt(plan.prompts, rewards),
        watched={
            name: processes.gather(values).mean().item() for name, values in drawn.watched.items()
        },
        kl=(kl @ weights).mean().item(),
        kl_by_step=mean_by_step(kl.flatten(), indices.flatten(), drawn.rollout.schedule.num_steps),
        seconds_sample=drawn.seconds_sample,
        seconds_score=drawn.seconds_score,
    )


def mean_by_step(
    values: Float[Tensor, " batch"], indices: Int[Tensor, " batch"], num_steps: int
) -> list[float | None]:
    """Return the mean of each step's values; none where it has none."""
    groups = [values[indices == index] for index in range(num_steps)]
    return [group.mean().item() if len(group) else None for group in groups]


def _mean_by_prompt(prompts: list[Prompt], rewards: Float[Tensor, " images"]) -> dict[str, float]:
    by_prompt: dict[str, list[float]] = {}
    for prompt, reward in zip(prompts, rewards.tolist(), strict=True):
        by_prompt.setdefault(prompt.text, []).append(reward)
    return {text: math.fsum(r) / len(r) for text, r in by_prompt.items()}
