"""Queueing a study: two policies draw the same prompts and seeds, and people are asked blind."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from data.errors import PromptError
from data.prompts import load_prompt_set
from data.questions import Study
from data.records import Image, Policy, Prompt, Split
from data.store import Batch
from feedback_loop.drawing import Artist, Wanted, policy_that_draws
from feedback_loop.loop import Loop
from feedback_loop.run_folders import policy_of_run, take_in
from feedback_loop.seeds import study_seeds
from labeling_app.study_plan import StudyPlan, pairs_of, prompts_of_paper

Splits = Literal["train", "compared", "unseen", "all"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """A study as it is asked for."""

    name: str
    policy_a: str
    policy_b: str
    plan: StudyPlan
    run_folders: dict[str, Path] = field(default_factory=dict)
    """Of policies that are named by the folder of a tuning run."""
    prompt_set: str | None = None
    """A shipped name or a file; none: the workspace's own."""
    split: Splits | None = None
    seed: int = 0
    prefers_paper: bool = False
    """Whether to ask about the paper's prompts alone, where there are any."""


def queue(loop: Loop, order: Order) -> tuple[Study, bool]:
    """Draw what is missing and queue the pairs; False where all of it was there already.

    Nothing is written before all that was asked for is known to be possible. Cut short, it is run
    again: images that are there stay, and the study goes on record when the last one is.
    """
    policies = [_drawing_policy(loop, order, name) for name in (order.policy_a, order.policy_b)]
    prompts = prompts_of(loop, order)
    seeds = study_seeds(loop.config, order.seed, order.plan.num_images)
    study = _study(loop, order, prompts)
    if loop.store.is_queued(study):
        return loop.store.study(study.name), False
    for policy in policies:
        if policy.name in order.run_folders:
            take_in(loop, order.run_folders[policy.name], policy)
    loop.store.add_batch(Batch(prompts=prompts))
    wanted = [Wanted(prompt, seed) for prompt in prompts for seed in seeds]
    first, second = (_draw(loop, policy, wanted, study) for policy in policies)
    is_new = loop.store.queue_study(study, pairs_of(study, zip(first, second, strict=True)))
    return study, is_new


def prompts_of(loop: Loop, order: Order) -> list[Prompt]:
    """Return the prompts that a study is asked about, at least one."""
    source = order.prompt_set or loop.config.prompt_set
    prompts = load_prompt_set(source)
    if order.prefers_paper and (of_paper := prompts_of_paper(prompts)):
        return of_paper
    split = order.split or "train"
    splits = get_args(Split) if split == "all" else (split,)
    found = [prompt for prompt in prompts if prompt.split in splits]
    if not found:
        there = ", ".join(sorted({prompt.split for prompt in prompts}))
        raise PromptError(
            f"prompt set {source} has no prompts of split {split}; it has {there} (--split)"
        )
    return found


def _study(loop: Loop, order: Order, prompts: Sequence[Prompt]) -> Study:
    return Study(
        name=order.name,
        policy_a=order.policy_a,
        policy_b=order.policy_b,
        aspects=order.plan.aspects,
        num_raters=order.plan.num_raters,
        detail={
            "prompt_set": order.prompt_set or loop.config.prompt_set,
            "prompt_ids": [prompt.prompt_id for prompt in prompts],
            "num_images": order.plan.num_images,
            "seed": order.seed,
        },
    )


def _drawing_policy(loop: Loop, order: Order, name: str) -> Policy:
    if name in order.run_folders:
        return policy_of_run(loop, order.run_folders[name])
    return policy_that_draws(loop, name)


def _draw(loop: Loop, policy: Policy, wanted: Sequence[Wanted], study: Study) -> list[Image]:
    """Draw with one policy; its networks are let go of before the next one's are opened."""
    purpose = f"study {study.name}: images of {policy.name}"
    return Artist(loop, policy).draw(wanted, number=0, purpose=purpose)
