"""What a study asks: how many images and raters, which questions, which image meets which."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from data.files import digest
from data.prompts import load_prompt_set
from data.questions import Study
from data.records import Aspect, Image, Pair, Prompt

LONGEST_NAME = 80


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyPlan:
    """How a study of any two policies goes."""

    num_images: int = 10
    """Images of each policy for each prompt: so many pairs are made of a prompt."""
    num_raters: int = 3
    """People who judge each pair."""
    aspects: tuple[Aspect, ...] = (Aspect.OVERALL,)
    name: str = ""
    """Of the study; empty: its policies'."""


PAPER = StudyPlan(num_images=40, num_raters=8, aspects=(Aspect.ALIGNMENT, Aspect.QUALITY))
"""The human study of the DPOK paper, tuned by RL against supervised."""

PRESETS = {"paper": PAPER}


def prompts_of_paper(prompts: Iterable[Prompt]) -> list[Prompt]:
    """Return those that the paper's study asks about, in its words or in the emoji world's."""
    named = {
        prompt.prompt_id
        for prompt_set in ("paper", "emoji-paper")
        for prompt in load_prompt_set(prompt_set)
        if prompt.split == "train"
    }
    return [prompt for prompt in prompts if prompt.prompt_id in named]


def default_name(policy_a: str, policy_b: str, preset: str | None) -> str:
    """Name a study that nobody has named."""
    return f"{policy_a}-vs-{policy_b}" + (f"-{preset}" if preset else "")


def pairs_of(study: Study, images: Iterable[tuple[Image, Image]]) -> list[Pair]:
    """Return the pairs of a study, from images of the first and of the second policy."""
    return [
        Pair.new(
            round=0,
            prompt_id=a.prompt_id,
            image_a=a.image_id,
            image_b=b.image_id,
            num_raters=study.num_raters,
            aspects=study.aspects,
            study=study.name,
        )
        for a, b in images
    ]


def twins(first: Sequence[Image], second: Sequence[Image]) -> dict[str, list[tuple[Image, Image]]]:
    """Return by prompt the images that two policies drew alike: of one seed, by one sampler."""
    drawn = {_how(image): image for image in second}
    found: dict[str, list[tuple[Image, Image]]] = {}
    for image in sorted(first, key=lambda image: image.seed):
        if twin := drawn.get(_how(image)):
            found.setdefault(image.prompt_id, []).append((image, twin))
    return found


def chosen(
    found: Mapping[str, Sequence[tuple[Image, Image]]], num_images: int
) -> list[tuple[Image, Image]]:
    """Return so many twins of each prompt, or as many as there are."""
    return [pair for of_prompt in found.values() for pair in of_prompt[:num_images]]


def _how(image: Image) -> str:
    return digest([image.prompt_id, image.seed, image.sampler])
