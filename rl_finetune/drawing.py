"""An iteration's images: this process's share of a plan, drawn and rewarded."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from rl_finetune.plan import IterationPlan
from rl_finetune.rewards import score
from rl_finetune.rollout import Rollout, collect
from rl_finetune.session import Session
from rl_finetune.shares import share_of_images
from rl_finetune.stopwatch import Stopwatch


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """What this process drew."""

    rollout: Rollout
    rewards: Float[Tensor, " images"]
    watched: dict[str, Float[Tensor, " images"]]
    """Each watched reward."""
    share: slice
    """Which of the plan's images these are."""
    seconds_sample: float
    seconds_score: float


def draw(session: Session, plan: IterationPlan) -> Drawn:
    """Sample this process's images with the policy as it is, and ask for their rewards."""
    config = session.config
    share = share_of_images(session.processes, len(plan.seeds))
    clock = Stopwatch()
    rollout = collect(
        session.learner.policy,
        plan.prompts[share],
        plan.seeds[share],
        schedule=session.schedule,
        guidance=config.sampling.guidance,
        batch_size=config.sampling.batch_size,
        starts=plan.starts[share] if config.shares_start else None,
    )
    seconds_sample = clock.lap()
    texts = [prompt.text for prompt in rollout.prompts]
    return Drawn(
        rollout=rollout,
        rewards=score(session.reward, rollout.images, texts),
        watched={
            name: score(reward, rollout.images, texts) for name, reward in session.watched.items()
        },
        share=share,
        seconds_sample=seconds_sample,
        seconds_score=clock.lap(),
    )
