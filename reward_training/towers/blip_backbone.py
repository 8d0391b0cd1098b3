"""BLIP with text cross-attention as a backbone, which scores a pair when it has read it whole.

A folder of transformers' `BlipForImageTextRetrieval` starts with the score that its matching head
gives: the log odds that the text belongs to the image. ImageReward's checkpoint starts with
ImageReward's own (`published.image_reward`).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional
from transformers import BlipConfig, BlipForImageTextRetrieval

from data.errors import RewardError
from reward_training.config import HeadKind
from reward_training.pair_heads import PairHead, make_pair_head
from reward_training.towers.backbone import Backbone, HeadInputs
from reward_training.towers.blip import Blip
from reward_training.towers.transformers_folder import (
    ERRORS,
    preprocessing_of,
    tokenizer_and_processor,
    unusable,
)

KIND = "blip"
"""What config.json calls it."""
CONTEXT = 35
"""Tokens of a text that are read, in BLIP's own retrieval and in ImageReward."""
_UNUSED = ("vision_proj.", "text_proj.")
"""Of BLIP's contrastive loss, which looks at images and texts apart."""


class BlipBackbone(Backbone):
    """A vision tower, the text encoder that attends to it, and a linear score of what it read.

    The feature of an image is all that the vision tower makes of it, (tokens, width); that of a
    text are its token ids.

    Args:
        config: of `BlipModel`, with both parts' sizes.
        tokenizer: as `AutoTokenizer` opens it.
        processor: the image processor, of which only the settings are used.
        control: what the own score is called.
    """

    def __init__(
        self,
        config: BlipConfig,
        tokenizer: Any,  # noqa: ANN401
        processor: Any,  # noqa: ANN401
        control: str = "BLIP's matching score",
    ) -> None:
        super().__init__()
        self.control = control
        self.config = config
        self.tokenizer = tokenizer
        self.processor = processor
        self.preprocess = preprocessing_of(processor)
        self.blip = Blip(config)
        sizes: Any = config.text_config
        self.own = nn.Linear(sizes.hidden_size, 1)
        self.context = min(CONTEXT, sizes.max_position_embeddings)
        if len(tokenizer) > sizes.vocab_size:
            raise RewardError(
                f"the tokenizer has {len(tokenizer)} words, and BLIP weights of "
                f"{sizes.vocab_size}; expected the tokenizer that it was trained with"
            )

    @classmethod
    def open(cls, source: str) -> "BlipBackbone":
        """Open a folder, or a model of the hub, with its weights."""
        try:
            opened: Any = BlipForImageTextRetrieval.from_pretrained(
                source, dtype=torch.float32, output_loading_info=True
            )
            beside = tokenizer_and_processor(source)
        except ERRORS as error:
            raise unusable(source, error) from None
        model, found = opened
        missing = sorted(n for n in found["missing_keys"] if not n.startswith(_UNUSED))
        if missing or not model.config.text_config.is_decoder:
            raise RewardError(
                f"{source} is no BLIP that matches texts with images: it lacks "
                f"{missing[0] if missing else 'cross-attention'}; expected the layout of "
                "BlipForImageTextRetrieval, such as Salesforce/blip-itm-large-coco"
            )
        backbone = cls(model.config, *beside)
        backbone.blip.vision, backbone.blip.text = model.vision_model, model.text_encoder
        # Two classes, of which the second is a match: its log odds are the difference.
        odds = model.itm_head
        backbone.set_own_score(odds.weight.diff(dim=0), odds.bias.diff())
        return backbone

    @classmethod
    def open_definition(cls, folder: Path) -> "BlipBackbone":
        """Rebuild the architecture and tokenizer of `save_definition`, weights still random."""
        try:
            config = BlipConfig.from_pretrained(folder)
            return cls(config, *tokenizer_and_processor(str(folder)))
        except ERRORS as error:
            raise unusable(str(folder), error) from None

    @torch.no_grad()
    def set_own_score(
        self, weight: Float[Tensor, "1 text_width"], bias: Float[Tensor, " 1"]
    ) -> None:
        """Set the linear score that a head starts from."""
        self.own.weight.copy_(weight)
        self.own.bias.copy_(bias)

    def tokenize(self, prompts: list[str]) -> Int[Tensor, "batch context"]:
        """Return token ids, cut to the context, on the model's device."""
        read = self.tokenizer(
            prompts,
            padding="max_length",
            max_length=self.context,
            truncation=True,
            return_tensors="pt",
        )
        return read["input_ids"].to(self.device)

    def encode_image(
        self, pixels: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch tokens vision_width"]:
        """Return all that the text encoder attends to."""
        return self.blip.see(pixels)

    def encode_text(self, tokens: Int[Tensor, "batch context"]) -> Int[Tensor, "batch context"]:
        """Return the token ids: a text is read with its image or not at all."""
        return tokens

    def join(
        self,
        image_features: Float[Tensor, "batch tokens vision_width"],
        text_features: Int[Tensor, "batch context"],
    ) -> HeadInputs:
        """Read each text with its image; return the own score's terms and the pair's feature."""
        mask = text_features != self.tokenizer.pad_token_id
        feature = self.blip.read(text_features, mask, image_features)
        bias = self.own.bias.expand(len(feature), 1)
        return torch.cat([feature * self.own.weight, bias], dim=-1), feature

    def make_head(self, kind: HeadKind, generator: torch.Generator) -> PairHead:
        """Make a head on the pair's feature, which starts with the own score."""
        return make_pair_head(kind, width=self.own.in_features, generator=generator)

    def look(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch vision_width"]:
        """Return what the vision tower makes of whole images in [0, 1], at unit length."""
        return functional.normalize(self.encode_raw_images(images)[:, 0], dim=-1)

    def vision_parameters(self) -> Iterator[nn.Parameter]:
        """Yield the weights of the vision tower."""
        return self.blip.vision.parameters()

    def text_parameters(self) -> Iterator[nn.Parameter]:
        """Yield the weights of the text encoder, and of the own score."""
        yield from self.blip.text.parameters()
        yield from self.own.parameters()

    def save_definition(self, folder: Path) -> None:
        """Write what `open_definition` needs: configurations and the tokenizer, no weights."""
        for part in (self.config, self.tokenizer, self.processor):
            part.save_pretrained(str(folder))
