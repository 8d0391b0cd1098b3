"""BLIP (Li et al. 2022) for image and text: a text encoder that looks at the image meanwhile.

A vision transformer sees the image; the text encoder's layers attend to what it saw, and the
feature of the text's first token, [CLS], is that of the pair. The layers are transformers' own.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from transformers import (
    BlipConfig,
    BlipTextConfig,
    BlipTextModel,
    BlipVisionConfig,
    BlipVisionModel,
)

_HEAD_WIDTH = 64
"""Of attention, in every size of ViT and BERT that BLIP is made of."""

_VISION = "blip.visual_encoder."
_TEXT = "blip.text_encoder."
_VISION_NAMES = (
    ("cls_token", "embeddings.class_embedding"),
    ("pos_embed", "embeddings.position_embedding"),
    ("patch_embed.proj.", "embeddings.patch_embedding."),
    ("blocks.", "encoder.layers."),
    (".norm1.", ".layer_norm1."),
    (".norm2.", ".layer_norm2."),
    (".attn.qkv.", ".self_attn.qkv."),
    (".attn.proj.", ".self_attn.projection."),
    ("norm.", "post_layernorm."),
)
"""What timm's vision transformer calls a weight, or how that begins, and what transformers does."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BlipSizes:
    """What of the architecture differs between BLIPs."""

    image_size: int
    patch_size: int
    vision_width: int
    vision_layers: int
    text_width: int
    text_layers: int
    text_hidden: int
    """Width of the text encoder's feed-forward layers."""
    vocabulary: int
    context: int
    """Tokens that the text encoder has places for."""

    @classmethod
    def of(cls, weights: Mapping[str, Tensor]) -> "BlipSizes":
        """Read the sizes off a checkpoint with BLIP's names; `KeyError` where one is missing."""
        patches = weights[f"{_VISION}patch_embed.proj.weight"]
        places = weights[f"{_VISION}pos_embed"].shape[1] - 1
        words = weights[f"{_TEXT}embeddings.word_embeddings.weight"]
        hidden = weights[f"{_TEXT}encoder.layer.0.intermediate.dense.weight"]
        return cls(
            image_size=round(places**0.5) * patches.shape[-1],
            patch_size=patches.shape[-1],
            vision_width=patches.shape[0],
            vision_layers=_count(weights, rf"{re.escape(_VISION)}blocks\.(\d+)\."),
            text_width=words.shape[1],
            text_layers=_count(weights, rf"{re.escape(_TEXT)}encoder\.layer\.(\d+)\."),
            text_hidden=hidden.shape[0],
            vocabulary=words.shape[0],
            context=weights[f"{_TEXT}embeddings.position_embeddings.weight"].shape[0],
        )

    def config(self) -> BlipConfig:
        """Return transformers' configuration of the architecture."""
        return BlipConfig(text_config=_text_config(self), vision_config=_vision_config(self))


class Blip(nn.Module):
    """Features of pairs of image and text; weights are random until they are filled."""

    def __init__(self, config: BlipConfig) -> None:
        super().__init__()
        vision: Any = config.vision_config  # dictionaries only while it is made
        text: Any = config.text_config
        self.vision = BlipVisionModel(vision)
        self.text = BlipTextModel(text, add_pooling_layer=False)

    def see(
        self, pixels: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch tokens vision_width"]:
        """Return what the vision tower makes of preprocessed images, [CLS] first."""
        return self.vision(pixel_values=pixels).last_hidden_state

    def read(
        self,
        words: Int[Tensor, "batch context"],
        mask: Bool[Tensor, "batch context"],
        seen: Float[Tensor, "batch tokens vision_width"],
    ) -> Float[Tensor, "batch text_width"]:
        """Return the feature of each pair, from padded token ids and what was seen."""
        # Not as a decoder: every token sees every other.
        read = self.text(
            input_ids=words,
            attention_mask=mask.long(),
            encoder_hidden_states=seen,
            is_decoder=False,
        )
        return read.last_hidden_state[:, 0]


def blip_weights(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights of `Blip` out of a checkpoint with BLIP's own names.

    Projections for BLIP's contrastive loss are left out, and so is the list 0, 1, 2 ... of places.
    """
    found: dict[str, Tensor] = {}
    for name, tensor in weights.items():
        if name.startswith(_VISION):
            found[f"vision.{_renamed(name.removeprefix(_VISION))}"] = tensor
        elif name.startswith(_TEXT) and not name.endswith("position_ids"):
            found[f"text.{name.removeprefix(_TEXT)}"] = tensor
    return found


def _renamed(name: str) -> str:
    for old, new in _VISION_NAMES:
        if old.startswith("."):
            name = name.replace(old, new)
        elif name.startswith(old):
            name = new + name.removeprefix(old)
    return name


def _count(weights: Mapping[str, Tensor], pattern: str) -> int:
    return len({found[1] for name in weights if (found := re.match(pattern, name))})


def _vision_config(sizes: BlipSizes) -> BlipVisionConfig:
    return BlipVisionConfig(
        hidden_size=sizes.vision_width,
        intermediate_size=4 * sizes.vision_width,
        num_hidden_layers=sizes.vision_layers,
        num_attention_heads=max(1, sizes.vision_width // _HEAD_WIDTH),
        image_size=sizes.image_size,
        patch_size=sizes.patch_size,
        hidden_act="gelu",
        layer_norm_eps=1e-6,
    )


def _text_config(sizes: BlipSizes) -> BlipTextConfig:
    return BlipTextConfig(
        vocab_size=sizes.vocabulary,
        hidden_size=sizes.text_width,
        encoder_hidden_size=sizes.vision_width,
        intermediate_size=sizes.text_hidden,
        num_hidden_layers=sizes.text_layers,
        num_attention_heads=max(1, sizes.text_width // _HEAD_WIDTH),
        max_position_embeddings=sizes.context,
        is_decoder=True,  # without it there is no cross-attention
        pad_token_id=0,
        bos_token_id=None,
        eos_token_id=None,
        sep_token_id=None,
    )
