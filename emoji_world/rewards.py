"""What the judge says as rewards: to watch a run by, or to tune towards the truth itself.

For example `python -m rl_finetune.run ... --watch emoji_world.rewards:Alignment`.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from emoji_world.judge import Judge


class Alignment:
    """1 where the judge says that the prompt is met, else 0: its mean is the alignment."""

    def __init__(self) -> None:
        self._judge = Judge.load()

    def __call__(
        self, images: Float[Tensor, "batch 3 height width"], prompts: list[str]
    ) -> Float[Tensor, " batch"]:
        """Judge images in [0, 1]; a prompt that is not of the grammar is never met."""
        verdicts = self._judge.verdicts(images.cpu(), prompts)
        return torch.tensor([float(verdict.met) for verdict in verdicts])


class DrawingQuality:
    """The judge's probability that everything in the image is well drawn, whatever the prompt."""

    def __init__(self) -> None:
        self._judge = Judge.load()

    def __call__(
        self, images: Float[Tensor, "batch 3 height width"], prompts: list[str]
    ) -> Float[Tensor, " batch"]:
        """Judge images in [0, 1]."""
        verdicts = self._judge.verdicts(images.cpu(), prompts)
        return torch.tensor([verdict.quality for verdict in verdicts])
