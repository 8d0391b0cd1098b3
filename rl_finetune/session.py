"""Opening what a run works with: device, policy, reward, prompts and optimiser."""

from dataclasses import dataclass
from pathlib import Path

from accelerate import Accelerator
from accelerate.utils import set_seed

from data.errors import ConfigError, PromptError
from data.prompts import load_prompt_set
from data.records import Prompt
from rl_finetune.advantages import PromptStatistics
from rl_finetune.checkpoint import TrainingState
from rl_finetune.config import TuneConfig
from rl_finetune.rewards import Reward, open_reward
from rl_finetune.schedule import Schedule
from rl_finetune.stable_diffusion import StableDiffusionPolicy
from rl_finetune.steps import StepBudget, make_budget
from rl_finetune.updates import Learner, make_optimiser


@dataclass(frozen=True, kw_only=True)
class Session:
    """All that a run works with, opened once."""

    config: TuneConfig
    learner: Learner
    reward: Reward
    prompts: list[Prompt]
    schedule: Schedule
    statistics: PromptStatistics
    budget: StepBudget

    @property
    def state(self) -> TrainingState:
        """What a checkpoint holds."""
        return TrainingState(
            policy=self.learner.policy,
            optimiser=self.learner.optimiser,
            statistics=self.statistics,
        )


def open_session(config: TuneConfig) -> Session:
    """Open policy, reward and prompts; whatever is wrong with them is a `TastemakerError`."""
    prompts = _open_prompts(config.prompts)
    accelerator = Accelerator()
    if accelerator.num_processes > 1:
        raise ConfigError("tuning runs in one process; start it without accelerate launch")
    set_seed(config.seed)  # for a user's reward that draws from the global generators
    reward = open_reward(config.reward, device=accelerator.device)
    policy = StableDiffusionPolicy.open(
        config.policy,
        adapter=Path(config.adapter) if config.adapter else None,
        rank=config.lora.rank,
        seed=config.seed,
        device=accelerator.device,
        precision=config.precision,
        gradient_checkpointing=config.gradient_checkpointing,
    )
    schedule = policy.schedule(config.sampling.num_steps, config.sampling.eta)
    return Session(
        config=config,
        learner=Learner(
            policy=policy,
            optimiser=make_optimiser(policy, config.optimiser),
            dpok=config.dpok,
            settings=config.optimiser,
        ),
        reward=reward,
        prompts=prompts,
        schedule=schedule,
        statistics=PromptStatistics(config.advantage.window),
        budget=make_budget(schedule, config.dpok, config.optimiser.num_updates),
    )


def _open_prompts(prompt_set: str) -> list[Prompt]:
    prompts = [prompt for prompt in load_prompt_set(prompt_set) if prompt.split == "train"]
    if not prompts:
        raise PromptError(f"{prompt_set} has no prompt of split train; expected at least one")
    return prompts
