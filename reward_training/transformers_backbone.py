"""A CLIP or SigLIP of transformers as a backbone: a folder of `save_pretrained`, or of the hub.

config.json                the architecture, of model_type clip or siglip
model.safetensors          the weights
preprocessor_config.json   how images are brought to the vision tower's size
tokenizer files            as `AutoTokenizer` reads them
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoConfig, AutoImageProcessor, AutoModel, AutoTokenizer

from data.errors import RewardError
from reward_training.backbone import LOADER_ERRORS, Backbone, first_lines
from reward_training.preprocessing import Preprocessing

CONFIG_FILE = "config.json"
HUB = "transformers:"
"""Before the name of a model on the hub."""
_KINDS = ("clip", "siglip")
_ERRORS = (*LOADER_ERRORS, SafetensorError)
_INTERPOLATIONS = {2: "bilinear", 3: "bicubic"}
"""PIL's numbers for what transformers calls `resample`."""


class TransformersBackbone(Backbone):
    """The two towers of `CLIPModel` or `SiglipModel`, its tokenizer and its preprocessing.

    Args:
        model: the two towers.
        tokenizer: as `AutoTokenizer` opens it.
        processor: the image processor, of which only the settings are used: images are tensors
            here, and gradients pass through them.
    """

    def __init__(self, model: nn.Module, tokenizer: Any, processor: Any) -> None:  # noqa: ANN401
        super().__init__()
        self.model: Any = model
        self.tokenizer = tokenizer
        self.processor = processor
        self.preprocess = _preprocessing(processor)

    @classmethod
    def open(cls, source: str) -> "TransformersBackbone":
        """Open a folder, or a model of the hub, with its weights."""
        try:
            _check_kind(AutoConfig.from_pretrained(source), source)
            model = AutoModel.from_pretrained(source, dtype=torch.float32)
            return cls(model, *_beside(source))
        except _ERRORS as error:
            raise _unusable(source, error) from None

    @classmethod
    def open_definition(cls, folder: Path) -> "TransformersBackbone":
        """Rebuild the architecture and tokenizer of `save_definition`, weights still random."""
        try:
            config = AutoConfig.from_pretrained(folder)
            _check_kind(config, str(folder))
            return cls(AutoModel.from_config(config), *_beside(str(folder)))
        except _ERRORS as error:
            raise _unusable(str(folder), error) from None

    @property
    def embed_dim(self) -> int:
        """Width of both features."""
        config = self.model.config
        return int(getattr(config, "projection_dim", 0) or config.vision_config.hidden_size)

    @property
    def similarity_scale(self) -> float:
        """The factor on the cosine that the towers were trained with."""
        return self.model.logit_scale.detach().exp().item()

    def tokenize(self, prompts: list[str]) -> Int[Tensor, "batch context"]:
        """Return token ids, cut to the model's context, on the model's device.

        What stands after a text's end changes nothing in CLIP, whose attention is causal, and
        SigLIP was trained to see it: neither needs a mask.
        """
        context = self.model.config.text_config.max_position_embeddings
        tokens = self.tokenizer(
            prompts, padding="max_length", max_length=context, truncation=True, return_tensors="pt"
        )
        return tokens["input_ids"].to(self.device)

    def encode_image(
        self, pixels: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch embedding"]:
        """Return unit-length features of preprocessed images."""
        return functional.normalize(
            self.model.get_image_features(pixel_values=pixels).pooler_output, dim=-1
        )

    def encode_text(self, tokens: Int[Tensor, "batch context"]) -> Float[Tensor, "batch embedding"]:
        """Return unit-length features of token ids."""
        return functional.normalize(
            self.model.get_text_features(input_ids=tokens).pooler_output, dim=-1
        )

    def vision_parameters(self) -> Iterator[nn.Parameter]:
        """Yield the weights of the vision tower, its projection included."""
        return self._parameters_of("vision_model.", "visual_projection.")

    def text_parameters(self) -> Iterator[nn.Parameter]:
        """Yield the weights of the text tower, its projection included."""
        return self._parameters_of("text_model.", "text_projection.")

    def _parameters_of(self, *prefixes: str) -> Iterator[nn.Parameter]:
        for name, parameter in self.model.named_parameters():
            if name.startswith(prefixes):
                yield parameter

    def save_definition(self, folder: Path) -> None:
        """Write what `open_definition` needs: configurations and the tokenizer, no weights."""
        for part in (self.model.config, self.tokenizer, self.processor):
            part.save_pretrained(str(folder))


def _beside(source: str) -> tuple[Any, Any]:
    """Return the tokenizer and the image processor that a model was trained with."""
    tokenizer = AutoTokenizer.from_pretrained(source)
    first, second = (tuple(tokenizer(text)["input_ids"]) for text in ("a", "z"))
    if first == second:  # transformers makes up an empty one where its files are missing
        raise ValueError("its tokenizer's files are missing or of another model")
    return tokenizer, AutoImageProcessor.from_pretrained(source)


def _check_kind(config: Any, source: str) -> None:  # noqa: ANN401
    if config.model_type not in _KINDS:
        raise RewardError(
            f"{source} is a model of type {config.model_type}; expected {' or '.join(_KINDS)}"
        )


def _preprocessing(processor: Any) -> Preprocessing:  # noqa: ANN401
    """Read an image processor's settings."""
    size, is_cropped = processor.size, bool(getattr(processor, "do_center_crop", False))
    box = processor.crop_size if is_cropped else size
    side = getattr(size, "shortest_edge", None)
    if side is not None and not (is_cropped and box["height"] == box["width"] == side):
        raise ValueError(f"expected images of one size, got shortest_edge {side} and a crop {box}")
    return Preprocessing(
        size=(int(box["height"]), int(box["width"])),
        interpolation=_INTERPOLATIONS[int(processor.resample)],
        resize_mode="squash" if side is None else "shortest",
        mean=tuple(processor.image_mean),
        std=tuple(processor.image_std),
    )


def _unusable(source: str, error: Exception) -> RewardError:
    return RewardError(
        f"transformers cannot open {source}: {first_lines(error)}; expected a CLIP or SigLIP with "
        "its weights, its preprocessor_config.json and its tokenizer's files"
    )
