"""From rewards to advantages: how much better an image is than its prompt's usual.

The more of a reward a baseline explains, the less noise is left in the gradient. The mean of a
group that shares its pure noise is a Monte Carlo estimate of that start's value, V(x_T, z) of the
paper's App. A.5, with nothing to be learned. An image's own part in a mean of n only scales its
advantage, by (n - 1) / n.

Statistics are kept per prompt id, never per decoded text, which truncation can make equal for
different prompts. They are exact over a window of the prompt's latest rewards, in double precision.
"""

import math
from collections import defaultdict, deque

import torch
from jaxtyping import Float
from torch import Tensor

from rl_finetune.dpok_config import AdvantageConfig

_TINY = 1e-6


class PromptStatistics:
    """Mean and standard deviation of each prompt's latest rewards."""

    def __init__(self, window: int) -> None:
        self._window = window
        self._rewards: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=window))

    def update(self, prompt_ids: list[str], rewards: Float[Tensor, " batch"]) -> None:
        """Remember rewards; each prompt forgets all but its latest."""
        for prompt_id, reward in zip(prompt_ids, rewards.tolist(), strict=True):
            self._rewards[prompt_id].append(reward)

    def mean(self, prompt_id: str) -> float:
        """Return the mean of the prompt's rewards, which must have been seen."""
        return math.fsum(self._rewards[prompt_id]) / len(self._rewards[prompt_id])

    def variance(self, prompt_id: str) -> float:
        """Return the population variance of the prompt's rewards, which must have been seen."""
        mean = self.mean(prompt_id)
        deviations = [(reward - mean) ** 2 for reward in self._rewards[prompt_id]]
        return math.fsum(deviations) / len(deviations)

    def state_dict(self) -> dict[str, list[float]]:
        """Return all that is remembered."""
        return {prompt_id: list(rewards) for prompt_id, rewards in self._rewards.items()}

    def load_state_dict(self, state_dict: dict[str, list[float]]) -> None:
        """Continue from what `state_dict` returned."""
        self._rewards.clear()
        for prompt_id, rewards in state_dict.items():
            self._rewards[prompt_id].extend(rewards)


def compute_advantages(
    rewards: Float[Tensor, " batch"],
    prompt_ids: list[str],
    running: PromptStatistics,
    config: AdvantageConfig,
) -> Float[Tensor, " batch"]:
    """Centre and scale rewards per prompt, and let the running statistics remember them.

    Within a group (baselines "group" and "start") the advantages of a prompt sum to zero, and what
    is remembered is how far rewards were from their group's mean. A learned value is subtracted
    later, step by step. A nearly constant prompt's deviation is floored, so that its noise is not
    blown up.
    """
    centred = _centre(rewards, prompt_ids, running, config)
    if config.scale == "none":
        return centred.float()
    present = sorted(set(prompt_ids))
    variances = {prompt_id: running.variance(prompt_id) for prompt_id in present}
    typical = math.sqrt(math.fsum(variances.values()) / len(present))
    floor = max(config.std_floor * typical, _TINY)
    advantages = [
        value / max(math.sqrt(variances[prompt_id]), floor)
        for value, prompt_id in zip(centred.tolist(), prompt_ids, strict=True)
    ]
    limit = config.max_advantage
    return torch.tensor(advantages, dtype=torch.float32).clamp(-limit, limit)


def _centre(
    rewards: Float[Tensor, " batch"],
    prompt_ids: list[str],
    running: PromptStatistics,
    config: AdvantageConfig,
) -> Float[Tensor, " batch"]:
    if config.baseline in ("group", "start"):
        group = PromptStatistics(len(rewards))
        group.update(prompt_ids, rewards)
        centred = rewards - _means(group, prompt_ids)
        running.update(prompt_ids, centred)
        return centred
    running.update(prompt_ids, rewards)
    has_mean = config.baseline == "running" or (
        config.baseline == "value" and config.scale == "prompt"
    )
    return rewards - _means(running, prompt_ids) if has_mean else rewards


def _means(statistics: PromptStatistics, prompt_ids: list[str]) -> Float[Tensor, " batch"]:
    means = [statistics.mean(prompt_id) for prompt_id in prompt_ids]
    return torch.tensor(means, dtype=torch.float64)
