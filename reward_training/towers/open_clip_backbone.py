"""A CLIP of open_clip as a backbone.

A local backbone is a folder in open_clip's own `local-dir:` format:

    open_clip_config.json         model_cfg (embed_dim, vision_cfg, text_cfg) and preprocess_cfg
    open_clip_model.safetensors   the state dict; fp16 is read into fp32
    tokenizer.json, tokenizer_config.json   where text_cfg has an `hf_tokenizer_name` (any text:
                                  the folder itself is opened); else open_clip's own tokenizer

open_clip takes the text feature at the largest token id unless text_cfg says `"pool_type": "eos"`
with an `eos_id`: the end-of-text token must be the last of the vocabulary, or named so.
"""

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import open_clip
import torch
from jaxtyping import Float, Int
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.nn import functional

from data.errors import RewardError
from reward_training.towers.backbone import LOADER_ERRORS, TwoTowers, first_lines
from reward_training.towers.preprocessing import Preprocessing, ResizeMode

CONFIG_FILE = "open_clip_config.json"
OPENAI_VOCABULARY = 49408
"""Tokens that a text tower has where its configuration does not say."""
_ERRORS = (*LOADER_ERRORS, SafetensorError)


class ClipBackbone(TwoTowers):
    """A CLIP's two towers, its tokenizer and its preprocessing.

    Args:
        clip: a model of open_clip.
        tokenizer: maps texts to ids of shape (texts, context).
        definition: content of `open_clip_config.json`, from which the architecture is rebuilt.
    """

    def __init__(
        self,
        clip: nn.Module,
        tokenizer: Callable[[list[str]], Tensor],
        definition: dict[str, Any],
    ) -> None:
        super().__init__()
        self.clip: Any = clip
        self.tokenizer = tokenizer
        self.definition = definition
        self.preprocess = Preprocessing.of_open_clip(definition["preprocess_cfg"])

    @classmethod
    def open_folder(cls, folder: Path) -> "ClipBackbone":
        """Open a local folder with its weights."""
        return cls._open_folder(folder, with_weights=True)

    @classmethod
    def open_known(cls, model: str, pretrained: str) -> "ClipBackbone":
        """Open one of open_clip's own, whose weights are downloaded, or a file of its weights."""
        architecture = architecture_of(model, pretrained)
        try:
            clip = open_clip.create_model(
                model,
                pretrained=pretrained,
                force_quick_gelu=architecture.get("quick_gelu", False),
            )
            tokenizer = open_clip.get_tokenizer(model)
        except _ERRORS as error:
            raise RewardError(
                f"open_clip cannot open {model}/{pretrained}: {first_lines(error)}"
            ) from None
        return cls(clip, tokenizer, _complete({"model_cfg": architecture}, clip))

    @classmethod
    def of_architecture(cls, model: str, *, resize_mode: ResizeMode) -> "ClipBackbone":
        """Build one of open_clip's own with random weights, to be filled from elsewhere."""
        clip = open_clip.create_model(model, force_preprocess_cfg={"resize_mode": resize_mode})
        definition = {"model_cfg": open_clip.get_model_config(model)}
        return cls(clip, open_clip.get_tokenizer(model), _complete(definition, clip))

    @classmethod
    def open_definition(cls, folder: Path) -> "ClipBackbone":
        """Rebuild the architecture and tokenizer of `save_definition`, weights still random."""
        return cls._open_folder(folder, with_weights=False)

    @classmethod
    def _open_folder(cls, folder: Path, *, with_weights: bool) -> "ClipBackbone":
        source = f"local-dir:{folder}"
        try:
            with _quiet_logging():
                clip = open_clip.create_model(
                    source,
                    load_weights=with_weights,
                    require_pretrained=with_weights,
                    pretrained_text=False,
                )
            tokenizer = open_clip.get_tokenizer(source)
            definition = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
            _check_tokenizer(tokenizer, definition)
        except _ERRORS as error:
            raise RewardError(
                f"cannot open the CLIP in {folder}: {first_lines(error)}; expected {CONFIG_FILE}, "
                "its weights as open_clip_model.safetensors and tokenizer files"
            ) from None
        return cls(clip, tokenizer, _complete(definition, clip))

    @property
    def embed_dim(self) -> int:
        """Width of both features."""
        return int(self.definition["model_cfg"]["embed_dim"])

    def encode_image(
        self, pixels: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch embedding"]:
        """Return unit-length features of preprocessed images."""
        return functional.normalize(self.clip.encode_image(pixels), dim=-1)

    def tokenize(self, prompts: list[str]) -> Int[Tensor, "batch context"]:
        """Return token ids, cut to the model's context, on the model's device."""
        return self.tokenizer(prompts).to(self.device)

    def encode_text(self, tokens: Int[Tensor, "batch context"]) -> Float[Tensor, "batch embedding"]:
        """Return unit-length features of token ids."""
        return functional.normalize(self.clip.encode_text(tokens), dim=-1)

    @property
    def similarity_scale(self) -> float:
        """The factor on the cosine that CLIP was trained with."""
        return self.clip.logit_scale.exp().item()

    def vision_parameters(self) -> Iterator[nn.Parameter]:
        """Yield the weights of the vision tower, its projection included."""
        yield from self.clip.visual.parameters()

    def text_parameters(self) -> Iterator[nn.Parameter]:
        """Yield the weights of the text tower, its projection included."""
        for name, parameter in self.clip.named_parameters():
            if not name.startswith(("visual.", "logit_scale", "logit_bias")):
                yield parameter

    def save_definition(self, folder: Path) -> None:
        """Write what `open_definition` needs: the configuration and the tokenizer, no weights."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / CONFIG_FILE).write_text(json.dumps(self.definition, indent=2), encoding="utf-8")
        if isinstance(self.tokenizer, open_clip.tokenizer.HFTokenizer):
            self.tokenizer.save_pretrained(str(folder))


def is_known(model: str) -> bool:
    """Say whether open_clip has an architecture of this name."""
    return model in open_clip.list_models()


def architecture_of(model: str, pretrained: str) -> dict[str, Any]:
    """Return the `model_cfg` of one of open_clip's own, as its weights were trained.

    OpenAI's and some others' were trained with QuickGELU. Where open_clip knows that of the weights
    and the architecture's name does not say it, it warns and builds GELU, with other features.
    """
    architecture: Any = open_clip.get_model_config(model)  # None of unknown ones alone
    trained_as = open_clip.get_pretrained_cfg(model, pretrained)
    return architecture | ({"quick_gelu": True} if trained_as.get("quick_gelu") else {})


def _check_tokenizer(tokenizer: Callable[[list[str]], Tensor], definition: dict[str, Any]) -> None:
    """Refuse the empty tokenizer that transformers makes up where a folder's files are missing."""
    first, second = tokenizer(["a", "z"])
    largest = definition["model_cfg"]["text_cfg"].get("vocab_size", OPENAI_VOCABULARY) - 1
    if torch.equal(first, second) or int(torch.stack([first, second]).max()) > largest:
        raise ValueError("its tokenizer's files are missing or of another model")


def _complete(definition: dict[str, Any], clip: nn.Module) -> dict[str, Any]:
    """Put the preprocessing that open_clip settled on into the definition."""
    visual: Any = clip.visual
    return definition | {"preprocess_cfg": dict(visual.preprocess_cfg)}


@contextmanager
def _quiet_logging() -> Iterator[None]:
    """Keep open_clip from warning about the random weights that are about to be replaced."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
