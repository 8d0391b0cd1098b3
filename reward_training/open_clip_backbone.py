"""CLIP as a backbone: opened by open_clip, with preprocessing that gradients pass through.

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
from data.files import digest, sha256_of

CONFIG_FILE = "open_clip_config.json"
OPENAI_VOCABULARY = 49408
"""Tokens that a text tower has where its configuration does not say."""
_LOADER_ERRORS = (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError)


class ClipBackbone(nn.Module):
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
        preprocess = definition["preprocess_cfg"]
        size = preprocess["size"]
        self.size: tuple[int, int] = (size, size) if isinstance(size, int) else (size[0], size[1])
        self.interpolation: str = preprocess["interpolation"]
        self.resize_mode: str = preprocess["resize_mode"]
        if self.resize_mode not in ("squash", "shortest"):
            raise RewardError(
                f"expected a CLIP with resize_mode squash or shortest, got {self.resize_mode}; "
                f"change preprocess_cfg in its {CONFIG_FILE}"
            )
        for name in ("mean", "std"):
            values = torch.tensor(preprocess[name], dtype=torch.float32).view(1, 3, 1, 1)
            self.register_buffer(f"pixel_{name}", values, persistent=False)

    @classmethod
    def open(cls, source: str) -> "ClipBackbone":
        """Open a local folder or `MODEL/PRETRAINED` of open_clip with its weights."""
        if (Path(source) / CONFIG_FILE).is_file():
            return cls._open_folder(Path(source), with_weights=True)
        model, _, pretrained = source.partition("/")
        if model not in open_clip.list_models() or not pretrained:
            raise RewardError(
                f"no CLIP at {source!r}: expected a folder with {CONFIG_FILE}, or one of "
                "open_clip's own such as ViT-B-32/laion2b_s34b_b79k"
            )
        try:
            clip = open_clip.create_model(model, pretrained=pretrained)
            tokenizer = open_clip.get_tokenizer(model)
        except _LOADER_ERRORS as error:
            raise RewardError(f"open_clip cannot open {source}: {_first_line(error)}") from None
        return cls(
            clip, tokenizer, _complete({"model_cfg": open_clip.get_model_config(model)}, clip)
        )

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
        except _LOADER_ERRORS as error:
            raise RewardError(
                f"cannot open the CLIP in {folder}: {_first_line(error)}; expected {CONFIG_FILE}, "
                "its weights as open_clip_model.safetensors and tokenizer files"
            ) from None
        return cls(clip, tokenizer, _complete(definition, clip))

    @property
    def embed_dim(self) -> int:
        """Width of both features."""
        return int(self.definition["model_cfg"]["embed_dim"])

    def preprocess(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch 3 model_height model_width"]:
        """Resize images in [0, 1] to the model's size and normalise them, as open_clip does."""
        if self.resize_mode == "shortest":
            images = _crop(
                _resize(images, _covering(images, self.size), self.interpolation), self.size
            )
        else:
            images = _resize(images, self.size, self.interpolation)
        return (images - self.get_buffer("pixel_mean")) / self.get_buffer("pixel_std")

    def encode_image(
        self, pixels: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch embedding"]:
        """Return unit-length features of preprocessed images."""
        return functional.normalize(self.clip.encode_image(pixels), dim=-1)

    def tokenize(self, prompts: list[str]) -> Int[Tensor, "batch context"]:
        """Return token ids, cut to the model's context, on the model's device."""
        return self.tokenizer(prompts).to(self.get_buffer("pixel_mean").device)

    def encode_text(self, tokens: Int[Tensor, "batch context"]) -> Float[Tensor, "batch embedding"]:
        """Return unit-length features of token ids."""
        return functional.normalize(self.clip.encode_text(tokens), dim=-1)

    def encode_pairs(
        self, images: Float[Tensor, "batch 3 height width"], prompts: list[str]
    ) -> tuple[Float[Tensor, "batch embedding"], Float[Tensor, "batch embedding"]]:
        """Return features of images in [0, 1] and of their prompts, each text encoded once."""
        if len(images) != len(prompts):
            raise ValueError(f"expected a prompt per image, got {len(prompts)} for {len(images)}")
        row_of = {prompt: row for row, prompt in enumerate(dict.fromkeys(prompts))}
        text = self.encode_text(self.tokenize(list(row_of)))
        rows = torch.tensor([row_of[prompt] for prompt in prompts], device=text.device)
        pixels = self.preprocess(images.to(text.device, torch.float32))
        return self.encode_image(pixels), text.index_select(0, rows)

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


def digest_of_source(source: str) -> str:
    """Return a digest of a local backbone's files, or of its name where it is open_clip's own."""
    if not Path(source).is_dir():
        return digest(source)
    files = sorted(path for path in Path(source).iterdir() if path.is_file())
    return digest([[path.name, sha256_of(path)] for path in files])


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


def _resize(
    images: Float[Tensor, "batch 3 height width"], size: tuple[int, int], interpolation: str
) -> Float[Tensor, "batch 3 new_height new_width"]:
    if tuple(images.shape[-2:]) == size:
        return images
    resized = functional.interpolate(
        images, size, mode=interpolation, antialias=True, align_corners=False
    )
    return resized.clamp(0, 1)  # bicubic overshoots, and pixels in a file cannot


def _covering(
    images: Float[Tensor, "batch 3 height width"], size: tuple[int, int]
) -> tuple[int, int]:
    """Return the smallest size of the same shape that covers `size`."""
    height, width = images.shape[-2:]
    scale = max(size[0] / height, size[1] / width)
    return max(size[0], int(height * scale)), max(size[1], int(width * scale))


def _crop(
    images: Float[Tensor, "batch 3 height width"], size: tuple[int, int]
) -> Float[Tensor, "batch 3 new_height new_width"]:
    top = round((images.shape[-2] - size[0]) / 2)
    left = round((images.shape[-1] - size[1]) / 2)
    return images[..., top : top + size[0], left : left + size[1]]


@contextmanager
def _quiet_logging() -> Iterator[None]:
    """Keep open_clip from warning about the random weights that are about to be replaced."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:2]) if lines else type(error).__name__
