"""One iteration of a supervised baseline: updates on the dataset, and what has become of it."""

from dataclasses import asdict
from statistics import fmean

import numpy as np
import torch

from rl_finetune.dataset import Dataset
from rl_finetune.drawing import draw
from rl_finetune.learner import set_learning_rate
from rl_finetune.metrics import SupervisedMetrics
from rl_finetune.plan import plan_iteration
from rl_finetune.reference import reference_predictions, rollout_kl
from rl_finetune.session import Session
from rl_finetune.stopwatch import Stopwatch
from rl_finetune.summaries import summarise_images
from rl_finetune.supervised_updates import update_on_dataset

_UPDATES = 2  # a stream of random numbers beside those of plan.py


def run_iteration(session: Session, dataset: Dataset, iteration: int) -> SupervisedMetrics:
    """Update the adapter, then measure reward and KL on images that are not in the dataset."""
    config, policy = session.config, session.learner.policy
    assert config.objective != "dpok"
    clock = Stopwatch()
    set_learning_rate(session.learner, (iteration - 1) / config.iterations)
    rng = np.random.default_rng([config.seed, _UPDATES, iteration])
    reports = [
        update_on_dataset(session.learner, dataset, config.objective, config.supervised, rng)
        for _ in range(config.supervised.num_updates)
    ]
    seconds_update = clock.lap()
    number = config.supervised.num_draws + iteration
    plan = plan_iteration(session.prompts, config.sampling, seed=config.seed, iteration=number)
    drawn = draw(session, plan)
    steps = session.schedule.stochastic_steps.expand(len(drawn.rewards), -1)
    reference = reference_predictions(policy, drawn.rollout, steps, config.optimiser.batch_size)
    summary = summarise_images(
        session.processes,
        plan,
        drawn,
        kl=rollout_kl(drawn.rollout, steps, reference),
        indices=steps,
        weights=torch.ones(steps.shape[1]),
    )
    return SupervisedMetrics(
        **asdict(summary),
        iteration=iteration,
        num_images=len(dataset.rewards),
        loss=fmean(report.loss for report in reports),
        grad_norm=fmean(report.grad_norm for report in reports),
        weight=fmean(report.weight for report in reports),
        denoising=fmean(report.denoising for report in reports),
        penalty=fmean(report.penalty for report in reports),
        seconds_update=seconds_update,
    )
