"""What a tuning run reported per iteration, read without opening the run."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from data.workspace import Workspace


@dataclass(frozen=True, kw_only=True, slots=True)
class RunCurves:
    """Rewards and KL of a run's finished iterations, in order."""

    run_id: str
    rewards: list[float]
    """As if every iteration had drawn all prompts: see `even_out`."""
    kls: list[float]


def read_curves(workspace: Workspace, run_id: str) -> RunCurves:
    """Read a run's metrics; a run without a finished iteration has empty curves."""
    file = workspace.runs / run_id / "metrics.jsonl"
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    records: list[dict[str, Any]] = [json.loads(line) for line in lines if line.endswith("}")]
    return RunCurves(
        run_id=run_id,
        rewards=even_out([record["reward_by_prompt"] for record in records]),
        kls=[record["kl"] for record in records],
    )


def even_out(by_prompt: Sequence[dict[str, float]]) -> list[float]:
    """Return each iteration's mean reward without the luck of which prompts had their turn.

    Prompts differ more than iterations do. So each reward counts by its distance to its prompt's
    own mean over the run, on top of the mean over all prompts.
    """
    rewards_of: dict[str, list[float]] = {}
    for rewards in by_prompt:
        for prompt, reward in rewards.items():
            rewards_of.setdefault(prompt, []).append(reward)
    mean_of = {prompt: _mean(rewards) for prompt, rewards in rewards_of.items()}
    level = _mean(list(mean_of.values())) if mean_of else 0.0
    return [
        level + _mean([reward - mean_of[prompt] for prompt, reward in rewards.items()])
        for rewards in by_prompt
    ]


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
