"""What a tuning run reported per iteration, read without opening the run."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from data.errors import WorkspaceError
from data.json_lines import read_growing_json_lines
from data.workspace import Workspace


@dataclass(frozen=True, kw_only=True, slots=True)
class RunCurves:
    """Rewards and KL of a run's finished iterations, in order."""

    run_id: str
    rewards: list[float]
    """As if every iteration had drawn all prompts: see `even_out`."""
    kls: list[float]


def read_curves(workspace: Workspace, run_id: str) -> RunCurves:
    """Read a run's metrics; a run without a finished iteration has empty curves.

    `WorkspaceError` where a line is damaged; one that a kill cut short does not count.
    """
    file = workspace.runs / run_id / "metrics.jsonl"
    try:
        records = read_growing_json_lines(file) if file.is_file() else []
        by_prompt = [record["reward_by_prompt"] for record in records]
        kls = [record["kl"] for record in records]
    except KeyError as error:
        raise _damaged(file, f"a line has no {error}") from None
    except (OSError, ValueError) as error:
        raise _damaged(file, str(error)) from None
    return RunCurves(run_id=run_id, rewards=even_out(by_prompt), kls=kls)


def _damaged(file: Path, why: str) -> WorkspaceError:
    return WorkspaceError(
        f"{file} cannot be read ({why}); restore it from a backup, or move it away and the report "
        "does without this run's curves"
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
