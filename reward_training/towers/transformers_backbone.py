"""A CLIP or SigLIP of transformers as a backbone: a folder of `save_pretrained`, or of the hub."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoConfig, AutoModel

from reward_training.towers.backbone import TwoTowers
from reward_training.towers.transformers_folder import (
    ERRORS,
    preprocessing_of,
    tokenizer_and_processor,
    unusable,
)

KINDS = ("clip", "siglip")
"""What config.json calls them."""


class TransformersBackbone(TwoTowers):
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
        self.preprocess = preprocessing_of(processor)

    @classmethod
    def open(cls, source: str) -> "TransformersBackbone":
        """Open a folder, or a model of the hub, with its weights."""
        try:
            model = AutoModel.from_pretrained(source, dtype=torch.float32)
            return cls(model, *tokenizer_and_processor(source))
        except ERRORS as error:
            raise unusable(source, error) from None

    @classmethod
    def open_definition(cls, folder: Path) -> "TransformersBackbone":
        """Rebuild the architecture and tokenizer of `save_definition`, weights still random."""
        try:
            model = AutoModel.from_config(AutoConfig.from_pretrained(folder))
            return cls(model, *tokenizer_and_processor(str(folder)))
        except ERRORS as error:
            raise unusable(str(folder), error) from None

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
