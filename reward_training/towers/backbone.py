"""What a reward asks of a backbone: features of images and of texts, and what a head reads of both.

Most have two towers that put images and texts into one space. A cross-encoder reads each text
together with the image, and what it makes of a pair is there only once both are.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from reward_training.config import CLIP_SIMILARITY, HeadKind
from reward_training.heads import Head, make_head
from reward_training.towers.preprocessing import Preprocessing

LOADER_ERRORS = (OSError, ValueError, KeyError, TypeError, RuntimeError, ImportError)
"""What opening a damaged folder raises in the libraries that do it."""


HeadInputs = tuple[Float[Tensor, "pairs first"], Float[Tensor, "pairs second"]]
"""The two things that a head reads of pairs: with two towers, their features."""


class Backbone(nn.Module, ABC):
    """What sees images and reads texts, with the preprocessing and the tokenizer it needs."""

    control: str = CLIP_SIMILARITY
    """What the reward is as long as nothing was trained."""
    preprocess: Preprocessing

    @abstractmethod
    def tokenize(self, prompts: list[str]) -> Int[Tensor, "batch context"]:
        """Return token ids, cut to the model's context, on the model's device."""

    @abstractmethod
    def encode_image(
        self, pixels: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch ..."]:
        """Return features of preprocessed images."""

    @abstractmethod
    def encode_text(self, tokens: Int[Tensor, "batch context"]) -> Shaped[Tensor, "batch ..."]:
        """Return features of token ids."""

    @abstractmethod
    def join(
        self,
        image_features: Float[Tensor, "batch ..."],
        text_features: Shaped[Tensor, "batch ..."],
        /,
    ) -> HeadInputs:
        """Return what a head of this backbone reads of pairs."""

    @abstractmethod
    def make_head(self, kind: HeadKind, generator: torch.Generator) -> Head:
        """Make an untrained head, which orders images as the backbone itself does."""

    @abstractmethod
    def look(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch embedding"]:
        """Return a unit-length vector of each image in [0, 1], to tell images apart by."""

    @abstractmethod
    def vision_parameters(self) -> Iterator[nn.Parameter]:
        """Yield the weights of what sees images, its projection included."""

    @abstractmethod
    def text_parameters(self) -> Iterator[nn.Parameter]:
        """Yield the weights of what reads texts, its projection included."""

    @abstractmethod
    def save_definition(self, folder: Path) -> None:
        """Write what rebuilds the backbone but for its weights: configuration and tokenizer."""

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """What the weights are."""
        return next(self.parameters()).dtype

    def encode_raw_images(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch ..."]:
        """Return features of images in [0, 1]; gradients pass through."""
        pixels = self.preprocess(images.to(self.device, torch.float32))
        return self.encode_image(pixels.to(self.dtype))

    def encode_pairs(
        self, images: Float[Tensor, "batch 3 height width"], prompts: list[str]
    ) -> tuple[Float[Tensor, "batch ..."], Shaped[Tensor, "batch ..."]]:
        """Return features of images in [0, 1] and of their prompts, each text encoded once."""
        if len(images) != len(prompts):
            raise ValueError(f"expected a prompt per image, got {len(prompts)} for {len(images)}")
        row_of = {prompt: row for row, prompt in enumerate(dict.fromkeys(prompts))}
        text = self.encode_text(self.tokenize(list(row_of)))
        rows = torch.tensor([row_of[prompt] for prompt in prompts], device=text.device)
        return self.encode_raw_images(images), text.index_select(0, rows)

    def read(self, images: Float[Tensor, "batch 3 height width"], prompts: list[str]) -> HeadInputs:
        """Return what a head reads of images in [0, 1] and their prompts; gradients pass."""
        return self.join(*self.encode_pairs(images, prompts))


class TwoTowers(Backbone):
    """A backbone whose features of images and texts have unit length and one width."""

    @property
    @abstractmethod
    def embed_dim(self) -> int:
        """Width of both features."""

    @property
    @abstractmethod
    def similarity_scale(self) -> float:
        """The factor on the cosine that the towers were trained with."""

    def join(
        self,
        image_features: Float[Tensor, "batch embedding"],
        text_features: Float[Tensor, "batch embedding"],
    ) -> HeadInputs:
        """Return both features as they are."""
        return image_features, text_features

    def make_head(self, kind: HeadKind, generator: torch.Generator) -> Head:
        """Make a head on the cosine, with the scale that the towers were trained with."""
        return make_head(
            kind, scale=self.similarity_scale, embed_dim=self.embed_dim, generator=generator
        )

    def look(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch embedding"]:
        """Return the features of images in [0, 1]."""
        return self.encode_raw_images(images)


def first_lines(error: BaseException) -> str:
    """Return what a library says of a folder that it cannot open, in a line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:2]) if lines else type(error).__name__
