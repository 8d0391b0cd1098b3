"""`python -m benchmarks.variance`: shares of start, trained steps and later steps.

Looks at the base and the reward of a demo that `python -m benchmarks.taste` left, on the prompts
that are tuned.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from data.config_file import parse
from data.entry import run_command
from data.files import write_atomically


@dataclass(frozen=True, kw_only=True, slots=True)
class VarianceConfig:
    """What is drawn how often."""

    demo: Path = Path("runs/taste/seed-0/demo")
    """Workspace of the demo."""
    counts: tuple[int, int, int] = (4, 4, 3)
    """Starts x_T a prompt; draws of the trained steps' noise for each; of the later steps' noise
    for each of those."""
    seed: int = 0
    results: Path = Path("benchmarks/results/variance.json")
    """File of the figures."""

    def __post_init__(self) -> None:
        if min(self.counts) < 2:
            raise ValueError(f"counts: expected at least 2 each, got {self.counts}")


def main() -> None:
    """Draw, score, and write each source's share of the variance, summed over prompts."""
    config = parse(
        VarianceConfig,
        sys.argv[1:],
        prog="python -m benchmarks.variance",
        description="Say which of a trajectory's noises a reward's variance comes from.",
    )
    shares = find_shares(config)
    write_atomically(config.results, json.dumps(shares, indent=1) + "\n")


def find_shares(config: VarianceConfig) -> dict[str, dict[str, float]]:
    """Return the shares of the variance of the learned reward, and of the judge's in its place."""
    import numpy as np
    import torch

    from benchmarks.variance.components import variance_components
    from benchmarks.variance.nested import Nesting, draw_nested
    from feedback_loop.loop import open_loop
    from feedback_loop.world import base_of, judge_of
    from reward_training import load
    from rl_finetune.stable_diffusion import StableDiffusionPolicy

    loop = open_loop(config.demo)
    tune = loop.config.tune
    policy = StableDiffusionPolicy.open(base_of(loop.config))
    reward = load(loop.workspace.root / loop.store.reward_models()[0].path)
    judge = judge_of(loop.config)
    assert judge is not None, "only the emoji world knows the truth"
    early = round(tune.dpok.window * tune.sampling.num_steps)
    nesting = Nesting(counts=config.counts, num_early_steps=early)
    generator = torch.Generator().manual_seed(config.seed)
    sums = {"reward": np.zeros(3), "judge": np.zeros(3)}
    for prompt in loop.prompts("train"):
        images = draw_nested(policy, prompt.text, nesting, tune.sampling, generator)
        texts = [prompt.text] * len(images)
        verdicts = judge.verdicts(images, texts)
        of_judge = np.array([verdict.match * verdict.quality for verdict in verdicts])
        for name, scores in (("reward", reward(images, texts).numpy()), ("judge", of_judge)):
            sums[name] += variance_components(scores.astype(np.float64).reshape(config.counts))
    levels = ("start", "trained steps", "later steps")
    return {
        name: dict(zip(levels, (parts / parts.sum()).tolist(), strict=True))
        for name, parts in sums.items()
    }


if __name__ == "__main__":
    run_command(main)
