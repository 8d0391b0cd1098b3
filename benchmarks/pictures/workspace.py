"""The workspace that the app's pictures are taken of: a round that tuned a policy, and the next."""

from pathlib import Path

from benchmarks.pictures import people
from feedback_loop.config import GenerateConfig, LoopConfig, MeasureConfig, PeopleConfig
from feedback_loop.loop import Loop, create_loop
from feedback_loop.rounds import at_work_alone, run_round
from feedback_loop.stages import num_finished_rounds
from rl_finetune.config import TuneConfig

CONFIG = LoopConfig(
    generate=GenerateConfig(num_pairs=600, num_images=600),
    people=PeopleConfig(overlap_share=0.2, overlap_raters=3),
    tune=TuneConfig(iterations=30),
    measure=MeasureConfig(num_images_per_prompt=8),
)
"""Smaller than the demo, and too small for a gain that is sure (docs/experiments.md)."""


def make_workspace(root: Path) -> Loop:
    """Make it, or finish what is there of it.

    Simulated raters compare the first round, so that it ends with a tuned policy. Made-up people
    compare most of the second.
    """
    loop = create_loop(root, CONFIG)
    with at_work_alone(loop):
        if num_finished_rounds(loop.store.round_events()) == 0:
            run_round(loop, "simulated")
        run_round(loop, "people")
    people.answer(loop, 2)
    return loop
