"""DPOK's updates: gradient steps on one rollout, and what they report."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from devices.processes import Processes
from rl_finetune.dpok import Terms, dpok_terms
from rl_finetune.dpok_config import DpokConfig
from rl_finetune.learner import Learner, take_step
from rl_finetune.rollout import Rollout, Transitions, make_transitions
from rl_finetune.steps import ChosenSteps


@dataclass(frozen=True, kw_only=True)
class UpdateReport:
    """What one update saw, transition by transition."""

    loss: float
    grad_norm: float
    """Before it was scaled down."""
    ratio: Float[Tensor, " batch"]
    is_clipped: Bool[Tensor, " batch"]
    is_live: Bool[Tensor, " batch"]
    """See `dpok.Terms`."""
    indices: Int[Tensor, " batch"]
    is_trained: Bool[Tensor, " batch"]
    """The transition carries a reward term."""


def update_on_rollout(
    learner: Learner,
    rollout: Rollout,
    advantages: Float[Tensor, "images chosen"],
    chosen: ChosenSteps,
    reference: Float[Tensor, "images chosen channels height width"],
    dpok: DpokConfig,
) -> list[UpdateReport]:
    """Take the iteration's updates, each on its share of the chosen denoising steps."""
    settings = learner.settings
    has_kl_loss = dpok.kl_in == "loss" and dpok.kl_weight > 0
    reports: list[UpdateReport] = []
    for _ in range(settings.num_passes):
        for part, columns in chosen.split(settings.num_updates, with_later=has_kl_loss):
            transitions = make_transitions(
                rollout, advantages[:, columns], part, reference[:, columns]
            )
            report = update(learner, rollout, transitions, dpok, is_on_policy=not reports)
            reports.append(report)
    return reports


def update(
    learner: Learner,
    rollout: Rollout,
    transitions: Transitions,
    dpok: DpokConfig,
    *,
    is_on_policy: bool,
) -> UpdateReport:
    """Accumulate the gradient over the transitions and take one optimiser step.

    Before an iteration's first update the policy is the one that sampled. Then `is_on_policy` takes
    the prediction itself for the old one, so that the ratio is 1 exactly, free of the rounding that
    another batch shape brings. Raises `FloatingPointError`, with the weights as they were, when
    loss or gradient is not finite.
    """
    processes, terms = learner.processes, list[Terms]()

    def loss_of(part: Transitions) -> Float[Tensor, ""]:
        evaluated = _evaluate(learner, rollout, part, dpok, is_on_policy)
        terms.append(replace(evaluated, loss=evaluated.loss.detach()))
        return evaluated.loss.sum() / (transitions.num_images * processes.count)

    parts = transitions.split(learner.settings.batch_size)
    loss, norm = take_step(learner, map(loss_of, parts))
    return _report(processes, transitions, terms, loss=loss, grad_norm=norm)


def _evaluate(
    learner: Learner, rollout: Rollout, part: Transitions, dpok: DpokConfig, is_on_policy: bool
) -> Terms:
    policy = learner.policy
    prediction = policy.predict(
        part.latents,
        rollout.schedule.timesteps[part.indices].to(policy.device),
        part.condition,
        guidance=rollout.guidance,
        gradient=dpok.guidance_gradient,
    )
    return dpok_terms(
        prediction,
        old=prediction.detach() if is_on_policy else part.old_prediction,
        reference=part.reference,
        noise=part.noise,
        step=rollout.schedule.at(part.indices, policy.device),
        advantages=part.advantages,
        policy_weights=part.policy_weights,
        kl_weights=part.kl_weights,
        config=dpok,
    )


def _report(
    processes: Processes,
    transitions: Transitions,
    terms: list[Terms],
    *,
    loss: float,
    grad_norm: float,
) -> UpdateReport:
    """Put together what all processes saw, in one message."""
    columns = [
        torch.cat([part.ratio for part in terms]),
        torch.cat([part.is_clipped for part in terms]),
        torch.cat([part.is_live for part in terms]),
        transitions.indices,
        transitions.policy_weights,
    ]
    rows = processes.gather(torch.stack([column.cpu().float() for column in columns], dim=1))
    ratio, is_clipped, is_live, indices, weights = rows.unbind(1)
    return UpdateReport(
        loss=loss,
        grad_norm=grad_norm,
        ratio=ratio,
        is_clipped=is_clipped > 0,
        is_live=is_live > 0,
        indices=indices.long(),
        is_trained=weights > 0,
    )
