"""Tuning: collect, score, advantages, updates, log, gallery, checkpoint; and once more."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from data.errors import RewardError, TastemakerError
from data.files import sha256_of
from rl_finetune.adapter import ADAPTER_FILE
from rl_finetune.advantages import compute_advantages
from rl_finetune.config import TuneConfig
from rl_finetune.dpok import penalised_rewards
from rl_finetune.gallery import draw_gallery, save_gallery
from rl_finetune.metrics import IterationMetrics, make_record
from rl_finetune.model_card import make_model_card
from rl_finetune.plan import plan_iteration
from rl_finetune.reference import reference_predictions, rollout_kl, rollout_log_ratio
from rl_finetune.rewards import score
from rl_finetune.rollout import Rollout, collect
from rl_finetune.run_folder import RunFolder
from rl_finetune.session import Session, open_session
from rl_finetune.steps import ChosenSteps, choose_steps
from rl_finetune.updates import set_learning_rate, update_on_rollout


class TrainingDiverged(TastemakerError):  # noqa: N818
    """Report a loss or gradient that is not finite, with the last good checkpoint."""


@dataclass(frozen=True, kw_only=True)
class TuneResult:
    """What a finished run left behind."""

    folder: Path
    adapter: Path
    """Folder in diffusers' LoRA format, with a model card."""
    adapter_sha256: str
    """Of the weights' file."""
    iterations: list[IterationMetrics]
    """In order; rewards and KL are of the policy before that iteration's updates."""


def tune(
    config: TuneConfig, *, out: Path, resume: bool = False, progress: bool = True
) -> TuneResult:
    """Tune a policy towards a reward and leave everything about it in the folder `out`.

    With `resume`, a run that stopped goes on from its newest checkpoint, bit for bit on a CPU; one
    that finished is left as it is, and where there is none yet it starts. Raises a
    `TastemakerError` for whatever a user can mend.
    """
    folder = RunFolder(out)
    folder.check(config, resume=resume)
    session = open_session(config)
    folder.write_about(config, session.learner.policy.device)
    done = folder.checkpoints.load_newest(session.state)
    folder.metrics.keep_until(done)
    _train(session, folder, done, progress)
    records = folder.metrics.read()
    if done < config.iterations or not folder.adapter.exists():
        folder.publish_adapter(session.learner.policy, make_model_card(config, records))
    return TuneResult(
        folder=out,
        adapter=folder.adapter,
        adapter_sha256=sha256_of(folder.adapter / ADAPTER_FILE),
        iterations=records,
    )


def _train(session: Session, folder: RunFolder, done: int, progress: bool) -> None:
    config = session.config
    if done == 0:
        _save_gallery(session, folder, 0)
    bar = tqdm(
        range(done + 1, config.iterations + 1),
        desc="tune",
        unit="iteration",
        initial=done,
        total=config.iterations,
        disable=not progress,
    )
    for iteration in bar:
        is_last = iteration == config.iterations
        with _explained(folder, iteration):
            record = run_iteration(session, iteration)
            folder.metrics.append(record)
            if is_last or iteration % config.gallery.every == 0:
                _save_gallery(session, folder, iteration)
            if is_last or iteration % config.checkpoint_every == 0:
                folder.checkpoints.save(session.state, iteration)
        bar.set_postfix(reward=f"{record.reward:.3f}", kl=f"{record.kl:.2f}")


def run_iteration(session: Session, iteration: int) -> IterationMetrics:
    """Collect images, score them and update the adapter; iterations count from 1."""
    config, policy = session.config, session.learner.policy
    plan = plan_iteration(session.prompts, config.sampling, seed=config.seed, iteration=iteration)
    clock = _Stopwatch()
    rollout = collect(
        policy,
        plan.prompts,
        plan.seeds,
        schedule=session.schedule,
        guidance=config.sampling.guidance,
        batch_size=config.sampling.batch_size,
        starts=plan.starts if config.advantage.baseline == "start" else None,
    )
    seconds_sample = clock.lap()
    rewards = score(session.reward, rollout.images, [prompt.text for prompt in plan.prompts])
    seconds_score = clock.lap()
    chosen = choose_steps(plan.rng, len(plan.seeds), session.budget)
    reference, charged = _compare_with_base(session, rollout, chosen, rewards)
    advantages = compute_advantages(
        charged, rollout.prompt_ids, session.statistics, config.advantage
    )
    set_learning_rate(session.learner, (iteration - 1) / config.iterations)
    reports = update_on_rollout(session.learner, rollout, advantages, chosen, reference)
    return make_record(
        iteration=iteration,
        rollout=rollout,
        rewards=rewards,
        chosen=chosen,
        kl=rollout_kl(rollout, chosen.indices, reference),
        reports=reports,
        seconds=(seconds_sample, seconds_score, clock.lap()),
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
    return (
        reference[images, torch.searchsorted(steps, chosen.indices)],
        penalised_rewards(rewards, log_ratio, config.dpok),
    )


def _save_gallery(session: Session, folder: RunFolder, iteration: int) -> None:
    config = session.config
    grid = draw_gallery(session.learner.policy, session.prompts, config.sampling, config.gallery)
    save_gallery(folder.gallery_path(iteration), grid)


@contextmanager
def _explained(folder: RunFolder, iteration: int) -> Iterator[None]:
    """Say at which iteration a run stopped and what is kept of it."""
    newest = folder.checkpoints.newest()
    kept = f"the last checkpoint is {newest}" if newest else "there is no checkpoint yet"
    try:
        yield
    except FloatingPointError as error:
        raise TrainingDiverged(f"iteration {iteration}: {error}; {kept}") from error
    except RewardError as error:
        raise RewardError(f"iteration {iteration}: {error}; {kept}") from error
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"stopped in iteration {iteration}; {kept}; --resume goes on from it"
        ) from None


class _Stopwatch:
    def __init__(self) -> None:
        self._started = time.perf_counter()

    def lap(self) -> float:
        """Return the seconds since the last lap."""
        lap = time.perf_counter() - self._started
        self._started += lap
        return lap
