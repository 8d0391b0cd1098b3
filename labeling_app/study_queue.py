"""Queueing a study from images that both policies have drawn already: the app draws none."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from data.questions import Study
from data.records import Image, Prompt
from data.store import Store
from data.workspace import DEFAULT_ROOT
from labeling_app.study_plan import (
    PAPER,
    StudyPlan,
    chosen,
    default_name,
    pairs_of,
    prompts_of_paper,
    twins,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Stock:
    """What is in the store for a study of two policies."""

    prompts: tuple[Prompt, ...]
    """Those that the study asks about."""
    images: dict[str, list[tuple[Image, Image]]]
    """By prompt, what both policies drew alike."""

    @property
    def num_images(self) -> int:
        """How many images of each policy every prompt has."""
        return min((len(self.images.get(p.prompt_id, [])) for p in self.prompts), default=0)


def stock_for(store: Store, policy_a: str, policy_b: str, plan: StudyPlan) -> Stock:
    """Look up what two policies drew alike: of the paper's prompts for its study, else of all."""
    found = twins(store.images(policy=policy_a), store.images(policy=policy_b))
    known = store.prompts()
    of_paper = prompts_of_paper(known) if plan == PAPER else []
    prompts = of_paper or [prompt for prompt in known if prompt.prompt_id in found]
    asked = {prompt.prompt_id for prompt in prompts}
    return Stock(
        prompts=tuple(prompts),
        images={prompt_id: met for prompt_id, met in found.items() if prompt_id in asked},
    )


def queue_from_stock(store: Store, study: Study, stock: Stock, num_images: int) -> bool:
    """Queue a study of so many images a prompt; False where it is there already."""
    return store.queue_study(study, pairs_of(study, chosen(stock.images, num_images)))


def study_of(policy_a: str, policy_b: str, plan: StudyPlan, stock: Stock) -> Study:
    """Return the study that a plan makes of two policies, by the name that says so."""
    preset = "paper" if plan == PAPER else None
    return Study(
        name=plan.name or default_name(policy_a, policy_b, preset),
        policy_a=policy_a,
        policy_b=policy_b,
        aspects=plan.aspects,
        num_raters=plan.num_raters,
        detail={
            "prompt_ids": [prompt.prompt_id for prompt in stock.prompts],
            "num_images": plan.num_images,
            "images": "of the store",
        },
    )


def drawing_command(policy_a: str, policy_b: str, plan: StudyPlan, root: Path) -> str:
    """Return the command that draws what is missing and queues the study itself."""
    told = ["--preset", "paper"]
    if plan != PAPER:
        told = ["--images", str(plan.num_images), "--raters", str(plan.num_raters)]
        told += ["--aspects", ",".join(plan.aspects)]
        told += ["--name", plan.name] if plan.name else []
    where = [] if root == DEFAULT_ROOT else ["--workspace", str(root)]
    return shlex.join(["tastemaker", "study", policy_a, policy_b, *told, *where])
