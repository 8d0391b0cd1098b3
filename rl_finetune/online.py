"""One iteration of DPOK: draw, compare with the base, advantages, updates, record."""

from dataclasses import asdict, replace
from statistics import fmean

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from rl_finetune.advantages import compute_advantages
from rl_finetune.dpok import penalised_rewards
from rl_finetune.drawing import Drawn, draw
from rl_finetune.learner import set_learning_rate
from rl_finetune.metrics import DpokMetrics, ImageMetrics
from rl_finetune.plan import plan_iteration
from rl_finetune.reference import reference_predictions, rollout_kl, rollout_log_ratio
from rl_finetune.rollout import Rollout
from rl_finetune.session import Session
from rl_finetune.steps import ChosenSteps, choose_steps
from rl_finetune.stopwatch import Stopwatch
from rl_finetune.summaries import mean_by_step, summarise_images
from rl_finetune.updates import UpdateReport, update_on_rollout


def run_iteration(session: Session, iteration: int) -> DpokMetrics:
    """Draw images, and update the adapter by them; iterations count from 1.

    Each process does so with its share of the images; the record is of all of them.
    """
    config, processes = session.config, session.processes
    plan = plan_iteration(session.prompts, config.sampling, seed=config.seed, iteration=iteration)
    drawn = draw(session, plan)
    clock = Stopwatch()
    chosen = choose_steps(plan.rng, len(plan.seeds), session.budget).of_images(drawn.share)
    reference, charged = _compare_with_base(session, drawn, chosen)
    of_images = compute_advantages(
        processes.gather(charged), plan.prompt_ids, session.statistics, config.advantage
    )[drawn.share]
    advantages, value_loss = _advantages_by_step(
        session, drawn.rollout, chosen, of_images, plan.rng
    )
    kl_weight = session.kl_weight.value
    set_learning_rate(session.learner, (iteration - 1) / config.iterations)
    reports = update_on_rollout(
        session.learner,
        drawn.rollout,
        advantages,
        chosen,
        reference,
        replace(config.dpok, kl_weight=kl_weight),
    )
    summary = summarise_images(
        processes,
        plan,
        drawn,
        kl=rollout_kl(drawn.rollout, chosen.indices, reference),
        indices=chosen.indices,
        weights=chosen.kl_weights,
    )
    session.kl_weight.steer(summary.kl)
    return _make_record(
        summary,
        reports,
        iteration=iteration,
        num_images=iteration * len(plan.seeds),
        kl_weight=kl_weight,
        value_loss=value_loss,
        seconds_update=clock.lap(),
    )


def _compare_with_base(
    session: Session, drawn: Drawn, chosen: ChosenSteps
) -> tuple[Float[Tensor, "images chosen channels height width"], Float[Tensor, " images"]]:
    """Return the base's predictions at the chosen steps, and the rewards with any KL charged."""
    policy, config, rollout = session.learner.policy, session.config, drawn.rollout
    if config.dpok.kl_in == "loss":
        return (
            reference_predictions(policy, rollout, chosen.indices, config.optimiser.batch_size),
            drawn.rewards,
        )
    steps = session.schedule.stochastic_steps
    every = steps.expand(len(drawn.rewards), -1)
    reference = reference_predictions(policy, rollout, every, config.optimiser.batch_size)
    log_ratio = rollout_log_ratio(rollout, every, reference)
    images = torch.arange(len(drawn.rewards))[:, None]
    weight = session.kl_weight.value / config.dpok.reward_weight
    return (
        reference[images, torch.searchsorted(steps, chosen.indices)],
        penalised_rewards(drawn.rewards, log_ratio, weight),
    )


def _advantages_by_step(
    session: Session,
    rollout: Rollout,
    chosen: ChosenSteps,
    of_images: Float[Tensor, " images"],
    rng: np.random.Generator,
) -> tuple[Float[Tensor, "images chosen"], float | None]:
    """Return the advantage of each chosen step, and the value function's error if there is one."""
    if session.value is None:
        return of_images[:, None].expand_as(chosen.indices), None
    values = session.value.values(rollout, chosen.indices)
    return of_images[:, None] - values, session.value.fit(rollout, of_images, rng)


def _make_record(
    summary: ImageMetrics,
    reports: list[UpdateReport],
    *,
    iteration: int,
    num_images: int,
    kl_weight: float,
    value_loss: float | None,
    seconds_update: float,
) -> DpokMetrics:
    is_trained = torch.cat([report.is_trained for report in reports])
    ratio, is_clipped, is_live, trained = (
        torch.cat([getattr(report, name) for report in reports])[is_trained]
        for name in ("ratio", "is_clipped", "is_live", "indices")
    )
    return DpokMetrics(
        **asdict(summary),
        iteration=iteration,
        num_images=num_images,
        kl_weight=kl_weight,
        value_loss=value_loss,
        loss=fmean(report.loss for report in reports),
        grad_norm=fmean(report.grad_norm for report in reports),
        ratio=ratio.mean().item(),
        ratio_max=ratio.max().item(),
        ratio_by_step=mean_by_step(ratio, trained, len(summary.kl_by_step)),
        clip_fraction=is_clipped.float().mean().item(),
        live_fraction=is_live.float().mean().item(),
        seconds_update=seconds_update,
    )
