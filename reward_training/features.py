"""Features of a fixed list of inputs: computed once where the tower is frozen, else each time.

Images are read one by one and leave memory as soon as a frozen vision tower has seen them; where
it is trained, all of them stay in memory at the model's size.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor
from tqdm import tqdm

from reward_training.backbone import Backbone
from reward_training.config import TrainedPart

CHUNK = 64
"""Images that pass through a tower together."""


@runtime_checkable
class Features(Protocol):
    """Features of inputs by their rows."""

    def __call__(self, rows: Int[Tensor, " rows"]) -> Float[Tensor, "rows embedding"]:
        """Return one feature per row; rows may repeat."""
        ...


class FrozenFeatures:
    """Features that no longer change."""

    def __init__(self, features: Float[Tensor, "inputs embedding"]) -> None:
        self.features = features

    def __call__(self, rows: Int[Tensor, " rows"]) -> Float[Tensor, "rows embedding"]:
        """Look the features up."""
        return self.features.index_select(0, rows.to(self.features.device))


class LiveFeatures:
    """Features of a tower that is being trained: each distinct row is encoded once per call."""

    def __init__(self, encode: Callable[[Tensor], Tensor], inputs: Tensor) -> None:
        self.encode = encode
        self.inputs = inputs

    def __call__(self, rows: Int[Tensor, " rows"]) -> Float[Tensor, "rows embedding"]:
        """Encode the rows with the tower as it is now."""
        distinct, places = rows.to(self.inputs.device).unique(return_inverse=True)
        return self.encode(self.inputs.index_select(0, distinct)).index_select(0, places)


@dataclass(frozen=True)
class PairFeatures:
    """The features of all images and of all prompts of a fit."""

    images: Features
    prompts: Features


def prepare_features(
    backbone: Backbone,
    images: Iterable[Float[Tensor, "3 _ _"]],
    prompts: list[str],
    part: TrainedPart,
    *,
    num_images: int,
) -> PairFeatures:
    """Run every frozen tower once over all its inputs, and prepare the inputs of the others."""
    pixels = _preprocess(backbone, images, num_images)
    tokens = backbone.tokenize(prompts)
    with torch.no_grad():
        if part in ("all", "last", "lora"):
            image_features = LiveFeatures(backbone.encode_image, torch.cat(list(pixels)))
        else:
            encoded = torch.cat([backbone.encode_image(chunk) for chunk in pixels])
            image_features = FrozenFeatures(encoded)
        if part == "head":
            encoded = torch.cat([backbone.encode_text(chunk) for chunk in tokens.split(CHUNK)])
            return PairFeatures(image_features, FrozenFeatures(encoded))
    return PairFeatures(image_features, LiveFeatures(backbone.encode_text, tokens))


def _preprocess(
    backbone: Backbone, images: Iterable[Float[Tensor, "3 _ _"]], num_images: int
) -> Iterator[Float[Tensor, "_ 3 height width"]]:
    """Bring images, which may differ in size, to the model's and stack them in chunks."""
    device = backbone.device
    stream = iter(tqdm(images, total=num_images, desc="images", unit="image", disable=None))
    while chunk := list(islice(stream, CHUNK)):
        yield torch.cat([backbone.preprocess(image[None].to(device)) for image in chunk])
