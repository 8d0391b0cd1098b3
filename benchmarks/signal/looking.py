"""From a demo's base and reward to the strength of every prompt's policy gradient."""

from collections.abc import Iterator

from tqdm import tqdm

from benchmarks.signal.estimate import Strength, strength
from benchmarks.signal.gradients import advantages_of, group_gradients, roll_out
from feedback_loop.loop import Loop
from feedback_loop.world import base_of
from reward_training import load
from rl_finetune.config import SamplingConfig
from rl_finetune.dpok_config import Baseline, GuidanceGradient
from rl_finetune.policy import DiffusionPolicy
from rl_finetune.rewards import Reward
from rl_finetune.rollout import Rollout
from rl_finetune.stable_diffusion import StableDiffusionPolicy

Case = tuple[Baseline, GuidanceGradient]
BASELINES: tuple[Baseline, ...] = ("running", "start")
CASES: tuple[Case, ...] = (("running", "both"), ("start", "both"), ("start", "conditional"))


def find_signal(
    loop: Loop, *, num_groups: int, num_steps: int, seed: int
) -> list[dict[str, object]]:
    """Return a row per case and step: sums over prompts, and every prompt's ratio.

    The ratio is that of the mean over as many images of the prompt as an iteration has in all.
    """
    sampling = loop.config.sampling
    policy = StableDiffusionPolicy.open(base_of(loop.config), rank=loop.config.tune.lora.rank)
    reward = load(loop.workspace.root / loop.store.reward_models()[0].path)
    found: dict[tuple[Case, int], dict[str, Strength]] = {}
    for prompt in tqdm(loop.prompts("train"), desc="prompts", disable=None):
        rollouts: dict[Baseline, Rollout] = {
            baseline: roll_out(
                policy,
                prompt,
                sampling,
                num_groups=num_groups,
                shares_start=baseline == "start",
                seed=seed,
            )
            for baseline in BASELINES
        }
        for case, index, of_prompt in _look(policy, reward, rollouts, sampling, num_steps):
            found.setdefault((case, index), {})[prompt.text] = of_prompt
    return [_row(case, index, rows, sampling) for (case, index), rows in found.items()]


def _look(
    policy: DiffusionPolicy,
    reward: Reward,
    rollouts: dict[Baseline, Rollout],
    sampling: SamplingConfig,
    num_steps: int,
) -> Iterator[tuple[Case, int, Strength]]:
    size = sampling.num_images_per_prompt
    for baseline, branches in CASES:
        rollout = rollouts[baseline]
        texts = [prompt.text for prompt in rollout.prompts]
        advantages = advantages_of(reward(rollout.images, texts), size, baseline)
        for index in range(num_steps):
            gradients = group_gradients(
                policy, rollout, advantages, index=index, group_size=size, branches=branches
            )
            yield (baseline, branches), index, strength(gradients)


def _row(
    case: Case, index: int, of_prompt: dict[str, Strength], sampling: SamplingConfig
) -> dict[str, object]:
    total = sum(of_prompt.values(), Strength(0.0, 0.0))
    num = sampling.num_images / sampling.num_images_per_prompt
    return {
        "baseline": case[0],
        "branches": case[1],
        "step": index,
        "signal": total.signal,
        "noise": total.noise,
        "ratio": total.ratio(num),
        "ratio_by_prompt": {text: one.ratio(num) for text, one in of_prompt.items()},
    }
