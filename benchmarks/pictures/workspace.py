"""The workspace that the app's pictures are taken of: a round that tuned a policy, and the next."""

from datetime import datetime
from pathlib import Path

from benchmarks.pictures import people
from data.records import Aspect
from feedback_loop.config import LoopConfig, MeasureConfig, PeopleConfig
from feedback_loop.loop import Loop, create_loop
from feedback_loop.rounds import at_work_alone, run_round
from feedback_loop.stages import num_finished_rounds
from labeling_app.study_plan import StudyPlan
from labeling_app.study_queue import queue_from_stock, stock_for, study_of

CONFIG = LoopConfig(
    people=PeopleConfig(overlap_share=0.2, overlap_raters=3),
    measure=MeasureConfig(num_images_per_prompt=8),
)
"""The demo's, but for more pairs that several people judge, and fewer images that are measured."""

STUDY = StudyPlan(num_images=2, num_raters=3, aspects=(Aspect.ALIGNMENT, Aspect.QUALITY))


def make_workspace(root: Path) -> Loop:
    """Make it, or finish what is there of it.

    Simulated raters compare the first round, so that it ends with a tuned policy. Made-up people
    compare most of the second, and judge that policy beside the base in a study.
    """
    loop = create_loop(root, CONFIG)
    with at_work_alone(loop):
        if num_finished_rounds(loop.store.round_events()) == 0:
            run_round(loop, "simulated")
        run_round(loop, "people")
    asked = [*loop.store.pairs(2), *loop.store.gold_pairs(2)]
    people.answer(loop, 2, asked, share=0.8, since=datetime(2026, 11, 18, 8))
    _hold_study(loop)
    return loop


def _hold_study(loop: Loop) -> None:
    """Let all of it be judged, and close it, so that the rate page shows the round again."""
    policies = [policy.name for policy in loop.store.policies()]
    stock = stock_for(loop.store, policies[-1], policies[0], STUDY)
    study = study_of(policies[-1], policies[0], STUDY, stock)
    queue_from_stock(loop.store, study, stock, STUDY.num_images)
    asked = loop.store.study_pairs(study.name)
    people.answer(loop, 2, asked, share=1.0, since=datetime(2026, 11, 24, 8))
    loop.store.set_study_status(study.name, "closed")
