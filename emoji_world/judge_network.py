"""The network behind the judge: a small CNN with one answer per question about a scene."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from emoji_world.grammar import COLOURS, NOUNS, PLACES, PLAIN

LOOKS = ("natural", *COLOURS, "mixed")
"""How the things of one noun look; "mixed" when they differ among themselves."""

GROUNDS = (PLAIN, *PLACES)
MAX_COUNT = 5
"""The largest count told apart; it stands for five or more."""

_WIDTHS = ((32, 1), (64, 2), (96, 1), (128, 2), (192, 1), (256, 2), (256, 1))
_OUTPUTS = {
    "counts": len(NOUNS) * (MAX_COUNT + 1),
    "looks": len(NOUNS) * len(LOOKS),
    "place": len(GROUNDS),
    "junk": 1,
}


class JudgeNetwork(nn.Module):
    """Answers how many of each noun, in which look, where, and whether anything is ill drawn."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width_in = 3
        for width, stride in _WIDTHS:
            layers += [
                nn.Conv2d(width_in, width, 3, stride, 1, bias=False),
                nn.GroupNorm(8, width),
                nn.SiLU(),
            ]
            width_in = width
        self.features = nn.Sequential(*layers)
        self.hidden = nn.Linear(4 * width_in, 512)
        self.heads = nn.ModuleDict({name: nn.Linear(512, size) for name, size in _OUTPUTS.items()})

    def forward(self, images: Float[Tensor, "batch 3 64 64"]) -> Mapping[str, Tensor]:
        """Return logits: counts (batch, nouns, 6), looks (batch, nouns, 8), place and junk."""
        features = self.features(images * 2 - 1)
        # The mean counts, the maximum finds; halves keep a rough left and right.
        left, right = features.chunk(2, dim=-1)
        pooled = [
            features.mean((2, 3)),
            features.amax((2, 3)),
            left.mean((2, 3)),
            right.mean((2, 3)),
        ]
        hidden = functional.silu(self.hidden(torch.cat(pooled, dim=1)))
        out = {name: head(hidden) for name, head in self.heads.items()}
        return {
            "counts": out["counts"].unflatten(1, (len(NOUNS), MAX_COUNT + 1)),
            "looks": out["looks"].unflatten(1, (len(NOUNS), len(LOOKS))),
            "place": out["place"],
            "junk": out["junk"].squeeze(1),
        }
