"""What a cross-encoder that is not trained makes of pairs: read once, then kept in memory.

With a head alone to be fitted, a pair's feature never changes, and an update that has seen its
pairs before costs no pass of the text encoder. On a CPU pairs are read one by one, for what shares
a batch changes the last bits: what was kept before never shows in a fit.
"""

from collections.abc import Callable

import torch
from jaxtyping import Int
from torch import Tensor

from reward_training.towers.backbone import Backbone, HeadInputs

KEPT_PAIRS = 2**15
"""In memory at once: 200 MB at ImageReward's width; what was read longest ago goes first."""
CHUNK = 64
"""Pairs that are read together, where the device is no CPU."""


class FrozenPairs:
    """What a head reads of pairs, by the rows of their images and prompts.

    Args:
        backbone: A cross-encoder that no gradient reaches.
        images: From rows to what it has seen.
        prompts: From rows to what it reads.
    """

    def __init__(
        self,
        backbone: Backbone,
        images: Callable[[Tensor], Tensor],
        prompts: Callable[[Tensor], Tensor],
    ) -> None:
        self.backbone = backbone
        self.images = images
        self.prompts = prompts
        self.kept: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}

    def __call__(self, images: Int[Tensor, " pairs"], prompts: Int[Tensor, " pairs"]) -> HeadInputs:
        """Read those pairs that are not kept; pairs may repeat."""
        wanted = list(zip(images.tolist(), prompts.tolist(), strict=True))
        distinct = dict.fromkeys(wanted)
        found = {pair: self.kept[pair] for pair in distinct if pair in self.kept}
        new = [pair for pair in distinct if pair not in found]
        size = 1 if self.backbone.device.type == "cpu" else CHUNK
        for first in range(0, len(new), size):
            found |= self._read(new[first : first + size])
        self.kept |= {pair: found[pair] for pair in new}
        for pair in list(self.kept)[: max(0, len(self.kept) - KEPT_PAIRS)]:
            del self.kept[pair]
        first, second = zip(*(found[pair] for pair in wanted), strict=True)
        return torch.stack(first), torch.stack(second)

    @torch.no_grad()
    def _read(self, pairs: list[tuple[int, int]]) -> dict[tuple[int, int], tuple[Tensor, Tensor]]:
        images, prompts = torch.tensor(pairs).T
        # As frozen towers' features are: in full precision, whatever the fit's is.
        with torch.autocast(self.backbone.device.type, enabled=False):
            read = self.backbone.join(self.images(images), self.prompts(prompts))
        return dict(zip(pairs, zip(*read, strict=True), strict=True))
