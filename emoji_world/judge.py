"""The judge: reads a picture and so knows whether a prompt was met.

It answers only what the prompt asserts. "a dog" says nothing of the place, so any place will do;
"a cat and a dog" is not met by two dogs. An ill-drawn picture meets no prompt: without that rule a
policy could please the judge with hybrids.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from emoji_world.assets import judge_path
from emoji_world.grammar import NATURAL_COLOUR, NOUNS, Claim, parse
from emoji_world.judge_network import GROUNDS, LOOKS, MAX_COUNT, JudgeNetwork

WEIGHTS_NAME = "model.safetensors"


@dataclass(frozen=True, slots=True)
class Reading:
    """What the judge sees in one image."""

    counts: Counter[str]
    looks: dict[str, str]
    """The look of each noun that is there: a colour, "natural" or "mixed"."""

    place: str
    junk: float
    """Probability that something is ill drawn."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the judge says of one image and its prompt."""

    known: bool
    """Whether the prompt is of the grammar; of any other the judge says nothing."""

    met: bool
    match: float
    """Probability of everything that the prompt asserts, junk aside."""

    quality: float
    """Probability that everything is well drawn."""


class Judge:
    """The judge's network with the rule that turns its answers into verdicts."""

    def __init__(self, network: JudgeNetwork) -> None:
        self.network = network.eval().requires_grad_(False)

    @classmethod
    def load(cls, path: Path | None = None) -> "Judge":
        """Open the judge's folder; None opens the shipped one."""
        network = JudgeNetwork()
        state = load_file((path or judge_path()) / WEIGHTS_NAME)
        network.load_state_dict({key: value.float() for key, value in state.items()})
        return cls(network)

    def read(self, images: Float[Tensor, "batch 3 height width"]) -> list[Reading]:
        """Read images in [0, 1]: the likeliest answer to each question."""
        return [_reading(answers) for answers in self._answers(images)]

    def verdicts(
        self, images: Float[Tensor, "batch 3 height width"], prompts: list[str]
    ) -> list[Verdict]:
        """Say of each image whether its prompt is met."""
        return [
            _verdict(answers, parse(prompt))
            for answers, prompt in zip(self._answers(images), prompts, strict=True)
        ]

    @torch.no_grad()
    def _answers(self, images: Tensor) -> list["_Answers"]:
        if images.shape[-2:] != (64, 64):
            images = functional.interpolate(images, size=(64, 64), mode="bilinear", antialias=True)
        rows: list[_Answers] = []
        for batch in images.float().split(256):
            out = self.network(batch)
            counts, looks = out["counts"].softmax(-1), out["looks"].softmax(-1)
            place, junk = out["place"].softmax(-1), out["junk"].sigmoid()
            rows += [_Answers(*row) for row in zip(counts, looks, place, junk, strict=True)]
        return rows


@dataclass(frozen=True, slots=True)
class _Answers:
    """Probabilities for one image."""

    counts: Float[Tensor, "nouns counts"]
    looks: Float[Tensor, "nouns looks"]
    place: Float[Tensor, " places"]
    junk: Float[Tensor, ""]


def _reading(answers: _Answers) -> Reading:
    numbers = answers.counts.argmax(-1).tolist()
    looks = answers.looks.argmax(-1).tolist()
    there = {noun: n for noun, n in zip(NOUNS, numbers, strict=True) if n}
    return Reading(
        counts=Counter(there),
        looks={noun: LOOKS[looks[NOUNS.index(noun)]] for noun in there},
        place=GROUNDS[int(answers.place.argmax())],
        junk=answers.junk.item(),
    )


def _verdict(answers: _Answers, claim: Claim | None) -> Verdict:
    quality = 1 - answers.junk.item()
    if claim is None:
        return Verdict(known=False, met=False, match=0.0, quality=quality)
    reading = _reading(answers)
    met = reading.junk < 0.5 and _holds(reading, claim)
    return Verdict(known=True, met=met, match=_probability(answers, claim), quality=quality)


def _holds(reading: Reading, claim: Claim) -> bool:
    if reading.counts != claim.counts or (claim.place and reading.place != claim.place):
        return False
    return all(
        reading.looks[noun] in _looks_of(noun, colour) for noun, colour in claim.colours.items()
    )


def _probability(answers: _Answers, claim: Claim) -> float:
    """Multiply the probabilities of all that is asserted; nouns unasked must be absent."""
    value = torch.ones(())
    for row, noun in enumerate(NOUNS):
        value = value * answers.counts[row, min(claim.counts[noun], MAX_COUNT)]
    for noun, colour in claim.colours.items():
        columns = [LOOKS.index(look) for look in _looks_of(noun, colour)]
        value = value * answers.looks[NOUNS.index(noun), columns].sum()
    if claim.place:
        value = value * answers.place[GROUNDS.index(claim.place)]
    return value.item()


def _looks_of(noun: str, colour: str) -> set[str]:
    natural = {"natural"} if NATURAL_COLOUR.get(noun) == colour else set()
    return {colour} | natural
