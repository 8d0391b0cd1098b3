"""What a run reports per iteration: one typed record, one line of metrics.jsonl."""

import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor

from data.files import write_atomically
from data.records import Prompt
from rl_finetune.steps import ChosenSteps
from rl_finetune.updates import UpdateReport


@dataclass(frozen=True, kw_only=True, slots=True)
class IterationMetrics:
    """One iteration. Rewards and KL are of the policy that sampled, before its updates."""

    iteration: int
    """Counted from 1."""
    num_images: int
    """Images sampled, and rewards asked for, in all iterations so far."""
    reward: float
    """Mean over the iteration's images."""
    reward_std: float
    reward_by_prompt: dict[str, float]
    """Mean reward of each prompt, by its text."""
    kl: float
    """KL to the base in nats, summed over steps (estimated from some) and averaged over images."""
    kl_by_step: list[float | None]
    """Mean KL of each denoising step in nats; none where none was drawn."""
    kl_weight: float
    """Weight beta of the KL in this iteration."""
    value_loss: float | None
    """Mean squared error of the value function before it learned; none without one."""
    loss: float
    """Mean over updates."""
    grad_norm: float
    """Mean over updates, before clipping to max_grad_norm."""
    ratio: float
    """Mean density ratio of a trained step to the policy that sampled, over all updates."""
    ratio_max: float
    ratio_by_step: list[float | None]
    clip_fraction: float
    """Share of trained steps whose ratio left the trust region."""
    live_fraction: float
    """Share of trained steps whose reward term had a gradient."""
    seconds_sample: float
    seconds_score: float
    seconds_update: float


def make_record(
    *,
    iteration: int,
    prompts: list[Prompt],
    rewards: Float[Tensor, " images"],
    chosen: ChosenSteps,
    kl: Float[Tensor, "images chosen"],
    kl_weight: float,
    value_loss: float | None,
    num_steps: int,
    reports: list[UpdateReport],
    seconds: tuple[float, float, float],
) -> IterationMetrics:
    """Summarise one iteration; `kl` belongs to `chosen`, `seconds` are in the record's order."""
    is_trained = torch.cat([report.is_trained for report in reports])
    ratio, is_clipped, is_live, trained = (
        torch.cat([getattr(report, name) for report in reports])[is_trained]
        for name in ("ratio", "is_clipped", "is_live", "indices")
    )
    return IterationMetrics(
        iteration=iteration,
        num_images=iteration * len(prompts),
        reward=rewards.mean().item(),
        reward_std=rewards.std(unbiased=False).item(),
        reward_by_prompt=_mean_by_prompt(prompts, rewards),
        kl=(kl @ chosen.kl_weights).mean().item(),
        kl_by_step=_mean_by_step(kl.flatten(), chosen.indices.flatten(), num_steps),
        kl_weight=kl_weight,
        value_loss=value_loss,
        loss=math.fsum(report.loss for report in reports) / len(reports),
        grad_norm=math.fsum(report.grad_norm for report in reports) / len(reports),
        ratio=ratio.mean().item(),
        ratio_max=ratio.max().item(),
        ratio_by_step=_mean_by_step(ratio, trained, num_steps),
        clip_fraction=is_clipped.float().mean().item(),
        live_fraction=is_live.float().mean().item(),
        seconds_sample=seconds[0],
        seconds_score=seconds[1],
        seconds_update=seconds[2],
    )


def _mean_by_prompt(prompts: list[Prompt], rewards: Float[Tensor, " images"]) -> dict[str, float]:
    by_prompt: dict[str, list[float]] = {}
    for prompt, reward in zip(prompts, rewards.tolist(), strict=True):
        by_prompt.setdefault(prompt.text, []).append(reward)
    return {text: math.fsum(r) / len(r) for text, r in by_prompt.items()}


def _mean_by_step(
    values: Float[Tensor, " batch"], indices: Int[Tensor, " batch"], num_steps: int
) -> list[float | None]:
    groups = [values[indices == index] for index in range(num_steps)]
    return [group.mean().item() if len(group) else None for group in groups]


class MetricsFile:
    """metrics.jsonl of a run folder: one line per finished iteration, none twice."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> list[IterationMetrics]:
        """Return the finished iterations; a line that a kill cut short does not count."""
        if not self._path.exists():
            return []
        *lines, _cut_short = self._path.read_text(encoding="utf-8").split("\n")
        return [IterationMetrics(**json.loads(line)) for line in lines]

    def keep_until(self, iteration: int) -> None:
        """Drop what came after a checkpoint, so that resuming doubles nothing."""
        kept = [record for record in self.read() if record.iteration <= iteration]
        write_atomically(self._path, "".join(_line(record) for record in kept))

    def append(self, record: IterationMetrics) -> None:
        """Add one iteration."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(_line(record))


def _line(record: IterationMetrics) -> str:
    return json.dumps(dataclasses.asdict(record), ensure_ascii=False) + "\n"
