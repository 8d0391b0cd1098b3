"""Features of a fit's images and prompts by their rows, of towers that are frozen or that learn."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from reward_training.inputs.feature_cache import StoredFeatures
from reward_training.inputs.frozen_pairs import FrozenPairs


@runtime_checkable
class Features(Protocol):
    """Features of inputs by their rows."""

    def __call__(self, rows: Int[Tensor, " rows"]) -> Shaped[Tensor, "rows ..."]:
        """Return one feature per row; rows may repeat."""
        ...


Change = Callable[[Tensor, Tensor], Tensor]
"""From rows and what a tower would read of them to what it reads instead."""


class FrozenFeatures:
    """Features that no longer change."""

    def __init__(self, features: Float[Tensor, "inputs embedding"]) -> None:
        self.features = features

    def __call__(self, rows: Int[Tensor, " rows"]) -> Float[Tensor, "rows embedding"]:
        """Look the features up."""
        return self.features.index_select(0, rows.to(self.features.device))


class StoredTokens:
    """Features that no longer change and are too large for memory: all tokens of an image.

    On disk they are of half precision, from which all of a fit reads them.
    """

    def __init__(self, stored: StoredFeatures, device: torch.device, dtype: torch.dtype) -> None:
        self.stored = stored
        self.device = device
        self.dtype = dtype

    def __call__(self, rows: Int[Tensor, " rows"]) -> Float[Tensor, "rows tokens width"]:
        """Read them from the disk."""
        return self.stored(rows).to(self.device, self.dtype)


class LiveFeatures:
    """Features of a tower that is being trained: each distinct row is encoded once per call.

    Args:
        encode: The tower.
        inputs: From rows to what it reads.
    """

    def __init__(
        self, encode: Callable[[Tensor], Tensor], inputs: Callable[[Tensor], Tensor]
    ) -> None:
        self.encode = encode
        self.inputs = inputs
        self._change: Change | None = None

    @contextmanager
    def changed(self, change: Change) -> Iterator[None]:
        """Let the tower read inputs that were changed, for a while."""
        self._change = change
        try:
            yield
        finally:
            self._change = None

    def __call__(self, rows: Int[Tensor, " rows"]) -> Shaped[Tensor, "rows ..."]:
        """Encode the rows with the tower as it is now."""
        distinct, places = rows.unique(return_inverse=True)
        inputs = self.inputs(distinct)
        if self._change is not None:
            inputs = self._change(distinct, inputs)
        features = self.encode(inputs)
        return features.index_select(0, places.to(features.device))


@dataclass(frozen=True)
class PairFeatures:
    """The features of all images and of all prompts of a fit."""

    images: Features
    prompts: Features
    pairs: FrozenPairs | None = None
    """What a head reads of pairs, where that takes a pass for each and is not trained."""
