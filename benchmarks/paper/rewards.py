"""The suite's two rewards, fitted once to simulated comparisons: one to tune on, one to watch.

Both see every prompt of the set emoji-many that is not held out, as ImageReward saw prompts of all
kinds; each has its own images, raters and seed.
"""

from pathlib import Path

from feedback_loop.config import GenerateConfig, LoopConfig, PeopleConfig
from feedback_loop.fitting import name_of_round
from feedback_loop.loop import create_loop
from feedback_loop.rounds import run_stage
from feedback_loop.stages import position

TUNED = "tuned"
WATCHED = "watched"
_SEEDS = {TUNED: 100, WATCHED: 200}
_STAGES = ("generate", "compare", "fit")


def fit_reward(root: Path, which: str, num_pairs: int) -> Path:
    """Return the folder of a reward; what is missing of its comparisons and fit is made."""
    config = LoopConfig(
        seed=_SEEDS[which],
        prompt_set="emoji-many",
        generate=GenerateConfig(num_pairs=num_pairs, num_images=num_pairs),
        # All comparisons are to be learned from.
        people=PeopleConfig(gold_share=0.0, repeat_share=0.0),
    )
    loop = create_loop(root / which, config)
    while (at := position(loop.store.round_events())).stage in _STAGES:
        run_stage(loop, at, "simulated")
    return loop.workspace.rewards / name_of_round(1)
