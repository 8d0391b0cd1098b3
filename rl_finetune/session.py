"""Opening what a run works with: processes, policy, reward, prompts and what learns."""

from dataclasses import dataclass
from pathlib import Path

from data.errors import ConfigError, PromptError
from data.prompts import load_prompt_set
from data.records import Prompt
from devices.processes import Processes
from rl_finetune.advantages import PromptStatistics
from rl_finetune.checkpoint import Stateful, TrainingState
from rl_finetune.config import TuneConfig
from rl_finetune.kl_target import KlWeight
from rl_finetune.learner import Learner, make_optimiser
from rl_finetune.rewards import Reward, open_reward
from rl_finetune.rounding import refuse_to_follow_rounding
from rl_finetune.schedule import Schedule
from rl_finetune.shares import refuse_uneven_shares
from rl_finetune.stable_diffusion import StableDiffusionPolicy
from rl_finetune.steps import StepBudget, make_budget
from rl_finetune.value import ValueLearner, make_value_learner


@dataclass(frozen=True, kw_only=True)
class Session:
    """All that a run works with, opened once."""

    config: TuneConfig
    processes: Processes
    learner: Learner
    reward: Reward
    watched: dict[str, Reward]
    """Rewards that are logged, by what the config calls them."""
    prompts: list[Prompt]
    schedule: Schedule
    statistics: PromptStatistics
    budget: StepBudget
    kl_weight: KlWeight
    value: ValueLearner | None

    @property
    def state(self) -> TrainingState:
        """What a checkpoint holds."""
        parts: dict[str, Stateful] = {
            "optimiser": self.learner.optimiser,
            "statistics": self.statistics,
            "kl_weight": self.kl_weight,
        }
        if self.value is not None:
            parts["value"] = self.value
        return TrainingState(policy=self.learner.policy, processes=self.processes, parts=parts)


def open_session(config: TuneConfig, *, checkpoint: Path | None = None) -> Session:
    """Open policy, reward and prompts; whatever is wrong with them is a `TastemakerError`.

    A run that goes on from a checkpoint no longer needs the adapter that it started from.
    """
    refuse_to_follow_rounding(config)
    prompts = _open_prompts(config.prompts)
    _refuse_prompts_twice(config, len(prompts))
    processes = Processes()
    refuse_uneven_shares(config, processes, len(prompts))
    processes.seed(config.seed)
    reward = open_reward(config.reward, device=processes.device)
    policy = StableDiffusionPolicy.open(
        config.policy,
        adapter=checkpoint or Path(config.adapter) if config.adapter else None,
        train=config.train,
        rank=config.lora.rank if config.train == "lora" else None,
        seed=config.seed,
        device=processes.device,
        precision=config.precision,
        gradient_checkpointing=config.gradient_checkpointing,
        compiled=config.compile,
    )
    watched = {name: open_reward(name, device=processes.device) for name in config.watch}
    return make_session(
        config,
        processes=processes,
        policy=policy,
        reward=reward,
        watched=watched,
        prompts=prompts,
    )


def make_session(
    config: TuneConfig,
    *,
    processes: Processes,
    policy: StableDiffusionPolicy,
    reward: Reward,
    watched: dict[str, Reward],
    prompts: list[Prompt],
) -> Session:
    """Put together a run of what is open already: what learns, and what it keeps count of."""
    schedule = policy.schedule(config.sampling.num_steps, config.sampling.eta)
    return Session(
        config=config,
        processes=processes,
        learner=Learner(
            policy=policy,
            optimiser=make_optimiser(policy, config.optimiser),
            settings=config.optimiser,
            processes=processes,
        ),
        reward=reward,
        watched=watched,
        prompts=prompts,
        schedule=schedule,
        statistics=PromptStatistics(config.advantage.window),
        budget=make_budget(schedule, config.dpok, config.optimiser.num_updates),
        kl_weight=KlWeight(config.dpok.kl_weight, config.dpok.target_kl),
        value=_make_value(config, policy, processes),
    )


def _open_prompts(prompt_set: str) -> list[Prompt]:
    prompts = [prompt for prompt in load_prompt_set(prompt_set) if prompt.split == "train"]
    if not prompts:
        raise PromptError(f"{prompt_set} has no prompt of split train; expected at least one")
    return prompts


def _refuse_prompts_twice(config: TuneConfig, num_prompts: int) -> None:
    """One prompt with two starts in an iteration has no one mean to be compared with."""
    if config.shares_start and num_prompts % min(config.sampling.num_prompts, num_prompts):
        raise ConfigError(
            f"sampling.num_prompts is {config.sampling.num_prompts} for {num_prompts} prompts: "
            "advantage.baseline start needs a divisor, or an iteration can have a prompt twice"
        )


def _make_value(
    config: TuneConfig, policy: StableDiffusionPolicy, processes: Processes
) -> ValueLearner | None:
    if config.advantage.baseline != "value":
        return None
    return make_value_learner(
        config.value,
        latent_shape=policy.latent_shape,
        num_features=policy.encode_prompts([""]).shape[-1],
        num_steps=config.sampling.num_steps,
        processes=processes,
        seed=config.seed,
    )
