"""What a reward asks of a backbone: two towers that put images and texts into one space."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from reward_training.preprocessing import Preprocessing

LOADER_ERRORS = (OSError, ValueError, KeyError, TypeError, RuntimeError)
"""What opening a damaged folder raises in the libraries that do it."""


class Backbone(nn.Module, ABC):
    """A vision tower and a text tower, with the preprocessing and the tokenizer they need."""

    preprocess: Preprocessing

    @property
    @abstractmethod
    def embed_dim(self) -> int:
        """Width of both features."""

    @property
    @abstractmethod
    def similarity_scale(self) -> float:
        """The factor on the cosine that the towers were trained with."""

    @abstractmethod
    def tokenize(self, prompts: list[str]) -> Int[Tensor, "batch context"]:
        """Return token ids, cut to the model's context, on the model's device."""

    @abstractmethod
    def encode_image(
        self, pixels: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch embedding"]:
        """Return unit-length features of preprocessed images."""

    @abstractmethod
    def encode_text(self, tokens: Int[Tensor, "batch context"]) -> Float[Tensor, "batch embedding"]:
        """Return unit-length features of token ids."""

    @abstractmethod
    def vision_parameters(self) -> Iterator[nn.Parameter]:
        """Yield the weights of the vision tower, its projection included."""

    @abstractmethod
    def text_parameters(self) -> Iterator[nn.Parameter]:
        """Yield the weights of the text tower, its projection included."""

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
    ) -> Float[Tensor, "batch embedding"]:
        """Return unit-length features of images in [0, 1]; gradients pass through."""
        pixels = self.preprocess(images.to(self.device, torch.float32))
        return self.encode_image(pixels.to(self.dtype))

    def encode_pairs(
        self, images: Float[Tensor, "batch 3 height width"], prompts: list[str]
    ) -> tuple[Float[Tensor, "batch embedding"], Float[Tensor, "batch embedding"]]:
        """Return features of images in [0, 1] and of their prompts, each text encoded once."""
        if len(images) != len(prompts):
            raise ValueError(f"expected a prompt per image, got {len(prompts)} for {len(images)}")
        row_of = {prompt: row for row, prompt in enumerate(dict.fromkeys(prompts))}
        text = self.encode_text(self.tokenize(list(row_of)))
        rows = torch.tensor([row_of[prompt] for prompt in prompts], device=text.device)
        return self.encode_raw_images(images), text.index_select(0, rows)


def first_lines(error: BaseException) -> str:
    """Return what a library says of a folder that it cannot open, in a line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:2]) if lines else type(error).__name__
