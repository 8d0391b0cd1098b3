"""One iteration of DPOK: collect, score, advantages, updates, record."""

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from rl_finetune.advantages import compute_advantages
from rl_finetune.dpok import penalised_rewards
from rl_finetune.metrics import IterationMetrics, make_record
from rl_finetune.plan import IterationPlan, plan_iteration
from rl_finetune.reference import reference_predictions, rollout_kl, rollout_log_ratio
from rl_finetune.rewards import score
from rl_finetune.rollout import Rollout, collect
from rl_finetune.session import Session
from rl_finetune.steps import ChosenSteps, choose_steps
from rl_finetune.stopwatch import Stopwatch
from rl_finetune.updates import Learner, set_learning_rate, update_on_rollout


def run_iteration(session: Session, iteration: int) -> IterationMetrics:
    """Collect images, score them and update the adapter; iterations count from 1.

    Each process does so with its share of the images; the record is of all of them.
    """
    config, processes = session.config, session.processes
    plan = plan_iteration(session.prompts, config.sampling, seed=config.seed, iteration=iteration)
    share = processes.share(len(plan.seeds))
    clock = Stopwatch()
    rollout = _collect(session, plan, share)
    seconds_sample = clock.lap()
    rewards = score(session.reward, rollout.images, [prompt.text for prompt in rollout.prompts])
    seconds_score = clock.lap()
    chosen = choose_steps(plan.rng, len(plan.seeds), session.budget)
    ours = chosen.of_images(share)
    reference, charged = _compare_with_base(session, rollout, ours, rewards)
    of_images = compute_advantages(
        processes.gather(charged), plan.prompt_ids, session.statistics, config.advantage
    )
    advantages, value_loss = _advantages_by_step(session, rollout, ours, of_images[share], plan.rng)
    reports = update_on_rollout(
        _learner_at(session, iteration), rollout, advantages, ours, reference
    )
    record = make_record(
        iteration=iteration,
        prompts=plan.prompts,
        rewards=processes.gather(rewards),
        chosen=chosen,
        kl=processes.gather(rollout_kl(rollout, ours.indices, reference)),
        kl_weight=session.kl_weight.value,
        value_loss=value_loss,
        num_steps=session.schedule.num_steps,
        reports=reports,
        seconds=(seconds_sample, seconds_score, clock.lap()),
    )
    session.kl_weight.steer(record.kl)
    return record


def _collect(session: Session, plan: IterationPlan, share: slice) -> Rollout:
    config = session.config
    return collect(
        session.learner.policy,
        plan.prompts[share],
        plan.seeds[share],
        schedule=session.schedule,
        guidance=config.sampling.guidance,
        batch_size=config.sampling.batch_size,
        starts=plan.starts[share] if config.advantage.baseline == "start" else None,
    )


def _compare_with_base(
    session: Session, rollout: Rollout, chosen: ChosenSteps, rewards: Float[Tensor, " images"]
) -> tuple[Float[Tensor, "images chosen channels height width"], Float[Tensor, " images"]]:
    """Return the base's predictions at the chosen steps, and the rewards with any KL charged."""
    policy, config = session.learner.policy, session.config
    if config.dpok.kl_in == "loss":
        return (
            reference_predictions(policy, rollout, chosen.indices, config.optimiser.batch_size),
            rewards,
        )
    steps = session.schedule.stochastic_steps
    every = steps.expand(len(rewards), -1)
    reference = reference_predictions(policy, rollout, every, config.optimiser.batch_size)
    log_ratio = rollout_log_ratio(rollout, every, reference)
    images = torch.arange(len(rewards))[:, None]
    weight = session.kl_weight.value / config.dpok.reward_weight
    return (
        reference[images, torch.searchsorted(steps, chosen.indices)],
        penalised_rewards(rewards, log_ratio, weight),
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


def _learner_at(session: Session, iteration: int) -> Learner:
    """Return the learner with the learning rate and the KL's weight of this iteration."""
    config = session.config
    dpok = replace(config.dpok, kl_weight=session.kl_weight.value, target_kl=None)
    learner = replace(session.learner, dpok=dpok)
    set_learning_rate(learner, (iteration - 1) / config.iterations)
    return learner
