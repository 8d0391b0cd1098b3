"""What an update changes and how: policy, optimiser, settings, and one gradient step."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from devices.processes import Processes
from rl_finetune.config import OptimiserConfig
from rl_finetune.policy import DiffusionPolicy


@dataclass(frozen=True, kw_only=True)
class Learner:
    """A policy that learns, and who else teaches it."""

    policy: DiffusionPolicy
    optimiser: torch.optim.Optimizer
    settings: OptimiserConfig
    processes: Processes


def make_optimiser(policy: DiffusionPolicy, settings: OptimiserConfig) -> torch.optim.Optimizer:
    """Return AdamW on the adapter."""
    parameters = policy.adapter_parameters().values()
    return torch.optim.AdamW(
        parameters, lr=settings.learning_rate, weight_decay=settings.weight_decay
    )


def set_learning_rate(learner: Learner, share_done: float) -> None:
    """Let the rate fall from its first to its final value; nothing is done at 0, all at 1."""
    share = 1 + (learner.settings.final_rate - 1) * share_done
    for group in learner.optimiser.param_groups:
        group["lr"] = learner.settings.learning_rate * share


def take_step(learner: Learner, losses: Iterable[Float[Tensor, ""]]) -> tuple[float, float]:
    """Sum losses and all processes' gradients, take a step, and return loss and gradient norm.

    Each loss is computed when it is asked for and its graph freed before the next. The norm is that
    before it was scaled down. Raises `FloatingPointError`, with the weights as they were, when loss
    or gradient is not finite.
    """
    parameters = list(learner.policy.adapter_parameters().values())
    learner.optimiser.zero_grad()
    total = 0.0
    for loss in losses:
        loss.backward()
        total += loss.item()
        del loss  # its graph, before the next one is made
    learner.processes.sum_gradients(parameters)
    total = learner.processes.sum(total)
    norm = torch.nn.utils.clip_grad_norm_(parameters, learner.settings.max_grad_norm).item()
    if not (math.isfinite(total) and math.isfinite(norm)):
        raise FloatingPointError(f"the loss is {total} and its gradient's norm {norm}")
    learner.optimiser.step()
    return total, norm
