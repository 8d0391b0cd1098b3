"""Which comparisons are held out: whole prompts, never single pairs of a prompt.

A pair's images are drawn for its prompt, so that pairs of one prompt on both sides of a split
would measure memory. Prompts on which raters only ever tied decide nothing: they are learned from
and never held out.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from reward_training.inputs.dataset import Comparisons
from reward_training.inputs.outcomes import DECIDED

FEW_PROMPTS = 8


@dataclass(frozen=True)
class Fold:
    """Rows of comparisons to learn from and rows held out; no prompt is in both."""

    train: Int[Tensor, " train"]
    held_out: Int[Tensor, " held_out"]


def prompt_folds(
    families: dict[str, str], fraction: float, generator: np.random.Generator
) -> list[set[str]]:
    """Divide the prompts (keys) into parts of about `fraction`, each with its share of families.

    There are at least two parts and none is empty; the order of the keys does not matter.
    """
    shuffled = [str(prompt) for prompt in generator.permutation(sorted(families))]
    by_family = sorted(shuffled, key=lambda prompt: families[prompt])
    number = min(round(1 / fraction), len(by_family))
    return [set(by_family[first::number]) for first in range(number)]


def make_folds(
    comparisons: Comparisons, fraction: float, generator: np.random.Generator
) -> list[Fold]:
    """Return folds that hold every decided prompt out once."""
    texts = [comparisons.prompts[row] for row in comparisons.prompt.tolist()]
    rows = zip(texts, comparisons.families, comparisons.outcome.tolist(), strict=True)
    decided = {text: family for text, family, outcome in rows if outcome in DECIDED}
    folds = []
    for held_out in prompt_folds(decided, fraction, generator):
        is_held_out = torch.tensor([text in held_out for text in texts])
        folds.append(Fold(_rows(~is_held_out), _rows(is_held_out)))
    return folds


def split_notes(comparisons: Comparisons, held_out: Comparisons) -> list[str]:
    """Say what the number of prompts means for what is measured on them."""
    number = len(held_out.prompt.unique())
    if number >= FEW_PROMPTS:
        return []
    trust = "are rough" if number > 1 else "are an anecdote and have no interval"
    return [
        f"held-out numbers {trust}: they rest on {number} of "
        f"{len(comparisons.prompt.unique())} prompts; compare pairs of more prompts"
    ]


def _rows(mask: Tensor) -> Int[Tensor, " rows"]:
    return mask.nonzero().squeeze(1)
