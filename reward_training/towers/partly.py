"""Training a part of a backbone: its towers' last blocks, or low-rank adapters beside the weights.

Few comparisons say little about many weights. ImageReward froze 70 % of both towers' blocks (Xu et
al. 2023, section 3.3); LoRA leaves all weights as they are and learns a small sum beside each
matrix (Hu et al. 2021), which is added to it in the end, so that a saved model needs no adapters.
"""

import math
import re
from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.parametrize import (
    is_parametrized,
    register_parametrization,
    remove_parametrizations,
)

from reward_training.towers.backbone import Backbone

_NUMBERED = re.compile(r"^(.*?\.\d+)\.")
"""A weight's block: its name up to the first number, such as `visual.transformer.resblocks.3`."""
_STEM = re.compile(r"embed|patch|conv1|\bstem\b|ln_pre|pre_layrnorm|norm_pre")
"""Weights without a number that work before the first block, in open_clip, timm and transformers;
those that work after the last are its projection and final norm."""


def last_blocks(backbone: Backbone, share: float) -> list[nn.Parameter]:
    """Return the weights of each tower's last blocks, and of what comes after them.

    Args:
        backbone: The towers.
        share: Below 1 the fraction of a tower's blocks, at least one; else how many of them.
    """
    names = {id(weight): name for name, weight in backbone.named_parameters()}
    chosen: list[nn.Parameter] = []
    for tower in (backbone.vision_parameters(), backbone.text_parameters()):
        named = [(names[id(weight)], weight) for weight in tower]
        blocks = list(dict.fromkeys(b for name, _ in named if (b := _block_of(name))))
        number = round(share) if share >= 1 else max(1, round(share * len(blocks)))
        late = set(blocks[-number:])
        chosen += [weight for name, weight in named if _is_late(name, late)]
    return chosen


def _block_of(name: str) -> str:
    found = _NUMBERED.match(name)
    return found[1] if found and not _STEM.search(found[1]) else ""


def _is_late(name: str, late: Iterable[str]) -> bool:
    block = _block_of(name)
    return block in late if block else not _STEM.search(name)


class LowRank(nn.Module):
    """A matrix plus the product of two thin ones, of which the second starts at zero."""

    def __init__(self, weight: Tensor, rank: int, generator: torch.Generator) -> None:
        super().__init__()
        rows, columns = weight.shape
        first = torch.randn(rank, columns, generator=generator) / math.sqrt(columns)
        self.first = nn.Parameter(first.to(weight))
        self.second = nn.Parameter(weight.new_zeros(rows, rank))

    def forward(self, weight: Float[Tensor, "rows columns"]) -> Float[Tensor, "rows columns"]:
        """Return the sum."""
        return weight + self.second @ self.first


def add_adapters(backbone: Backbone, rank: int, generator: torch.Generator) -> None:
    """Put a fresh adapter beside every matrix of both towers' blocks; before training it is zero.

    They are torch's parametrizations and not peft's layers, which take the sum in torch's own
    attention apart again by subtraction, so that frozen weights would drift.
    """
    names = {id(weight): name for name, weight in backbone.named_parameters()}
    for tower in (backbone.vision_parameters(), backbone.text_parameters()):
        named = [(names[id(weight)], weight) for weight in tower if weight.ndim == 2]
        for name, weight in named:
            if _block_of(name):
                module, _, own = name.rpartition(".")
                adapter = LowRank(weight, rank, generator)
                register_parametrization(backbone.get_submodule(module), own, adapter)


def adapter_parameters(backbone: Backbone) -> list[nn.Parameter]:
    """Return the weights of all adapters."""
    adapters = [module for module in backbone.modules() if isinstance(module, LowRank)]
    return [weight for adapter in adapters for weight in adapter.parameters()]


def merge_adapters(backbone: Backbone) -> None:
    """Add what adapters learned to the weights beside them, and take the adapters away."""
    for module in list(backbone.modules()):
        if is_parametrized(module):
            for name in list(getattr(module, "parametrizations")):  # noqa: B009  (of no known type)
                remove_parametrizations(module, name)
