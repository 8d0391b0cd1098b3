"""What tells texts apart, brought to one size, for heads that read texts which no longer change.

Prompts that differ in a number or a colour alone may lie at cosines of .99 in a CLIP that was
trained on few such differences. A head that reads features as they are then learns from what it can
hardly see. Here the mean of the texts is taken off, and the directions in which they differ most
are given one and the same deviation (principal components analysis, ZCA's rotation; Kessy, Lewin
and Strimmer 2018, "Optimal whitening and decorrelation"). What lies across them is left out.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

DEVIATION = 0.09
"""Of each direction, of features of unit length: 24 of them come to a length of about .43."""
NUM_DIRECTIONS = 24
"""As many, or a quarter as many as there are texts if that is more."""
SMALLEST = 0.01
"""Deviation below which a direction is left out for noise, in parts of the largest one's."""
ROUNDING = 1e-6
"""Deviation that is nothing but rounding, whatever the largest one's is."""


class Whitening(nn.Module):
    """Features of unit length in, entries of about 1 out; whitened once it was fitted to texts."""

    mean: Tensor | None
    matrix: Tensor | None

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", None)
        self.register_buffer("matrix", None)

    def forward(self, texts: Float[Tensor, "batch embedding"]) -> Float[Tensor, "batch embedding"]:
        """Return what a head reads of texts."""
        if self.mean is None or self.matrix is None:
            return with_entries_of_one(texts)
        return (texts - self.mean) @ self.matrix

    @torch.no_grad()
    def fit(self, texts: Float[Tensor, "texts embedding"]) -> None:
        """Whiten over these texts from now on, or not at all where they do not differ."""
        centred = texts.to("cpu", torch.double, copy=True)
        mean = centred.mean(dim=0)
        centred -= mean
        variances, directions = torch.linalg.eigh(centred.T @ centred / len(centred))
        kept = _kept(variances, len(centred))
        self.mean = self.matrix = None
        if kept.any():
            gains = DEVIATION * variances[kept].rsqrt()
            matrix = directions[:, kept] * gains @ directions[:, kept].T
            self.mean, self.matrix = mean.to(texts), with_entries_of_one(matrix).to(texts)


def _kept(variances: Float[Tensor, " directions"], num_texts: int) -> Tensor:
    """Return which of the directions, by rising variance, are more than noise and not too many."""
    most = min(num_texts - 1, max(NUM_DIRECTIONS, num_texts // 4))
    is_leading = torch.arange(len(variances)) >= len(variances) - most
    least = max(SMALLEST**2 * variances[-1].item(), ROUNDING**2)
    return is_leading & (variances >= least)


def with_entries_of_one(
    features: Float[Tensor, "batch embedding"],
) -> Float[Tensor, "batch embedding"]:
    """Bring the entries of features of unit length, about 1/sqrt(width), to about 1."""
    return features * math.sqrt(features.shape[-1])
