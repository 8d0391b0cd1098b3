"""Checkpoints in the layouts that rewards were published in, at small size."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from transformers import AutoTokenizer, BlipConfig, BlipForImageTextRetrieval, BlipImageProcessor

WIDTH, HIDDEN, LAYERS = 128, 192, 2
"""Of the small ImageReward: two heads of attention in each encoder."""
_CONTEXT = 40
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def linear(generator: torch.Generator, name: str, out: int, into: int) -> dict[str, Tensor]:
    """Return the weight and bias of a linear layer."""
    weight = torch.randn(out, into, generator=generator) / into**0.5
    return {f"{name}.weight": weight, f"{name}.bias": torch.randn(out, generator=generator) / 9}


def norm(generator: torch.Generator, name: str, width: int = WIDTH) -> dict[str, Tensor]:
    """Return the weight and bias of a layer norm."""
    near_one = 1 + torch.randn(width, generator=generator) / 9
    return {f"{name}.weight": near_one, f"{name}.bias": torch.randn(width, generator=generator) / 9}


def head_weights(generator: torch.Generator, width: int, prefix: str = "") -> dict[str, Tensor]:
    """Return the five linear layers of ImageReward and of the aesthetic predictor."""
    widths = (width, 1024, 128, 64, 16, 1)
    weights: dict[str, Tensor] = {}
    for place, before, after in zip((0, 2, 4, 6, 7), widths[:-1], widths[1:], strict=True):
        weights |= linear(generator, f"{prefix}layers.{place}", after, before)
    return weights


def image_reward_weights() -> dict[str, Tensor]:
    """Return a checkpoint with the names of ImageReward.pt, what nobody reads included."""
    draw = torch.Generator().manual_seed(0)
    vision, text = "blip.visual_encoder", "blip.text_encoder"
    weights = {
        f"{vision}.cls_token": torch.randn(1, 1, WIDTH, generator=draw),
        f"{vision}.pos_embed": torch.randn(1, 5, WIDTH, generator=draw),
        f"{vision}.patch_embed.proj.weight": torch.randn(WIDTH, 3, 8, 8, generator=draw) / 14,
        f"{vision}.patch_embed.proj.bias": torch.randn(WIDTH, generator=draw),
        f"{text}.embeddings.position_ids": torch.arange(_CONTEXT)[None],
        f"{text}.embeddings.word_embeddings.weight": torch.randn(30, WIDTH, generator=draw),
        f"{text}.embeddings.position_embeddings.weight": torch.randn(
            _CONTEXT, WIDTH, generator=draw
        ),
    }
    weights |= norm(draw, f"{vision}.norm") | norm(draw, f"{text}.embeddings.LayerNorm")
    for n in range(LAYERS):
        block, layer = f"{vision}.blocks.{n}", f"{text}.encoder.layer.{n}"
        weights |= norm(draw, f"{block}.norm1") | norm(draw, f"{block}.norm2")
        weights |= linear(draw, f"{block}.attn.qkv", 3 * WIDTH, WIDTH)
        weights |= linear(draw, f"{block}.attn.proj", WIDTH, WIDTH)
        weights |= linear(draw, f"{block}.mlp.fc1", 4 * WIDTH, WIDTH)
        weights |= linear(draw, f"{block}.mlp.fc2", WIDTH, 4 * WIDTH)
        for attention in ("attention", "crossattention"):
            for part in ("query", "key", "value"):
                weights |= linear(draw, f"{layer}.{attention}.self.{part}", WIDTH, WIDTH)
            weights |= linear(draw, f"{layer}.{attention}.output.dense", WIDTH, WIDTH)
            weights |= norm(draw, f"{layer}.{attention}.output.LayerNorm")
        weights |= linear(draw, f"{layer}.intermediate.dense", HIDDEN, WIDTH)
        weights |= linear(draw, f"{layer}.output.dense", WIDTH, HIDDEN)
        weights |= norm(draw, f"{layer}.output.LayerNorm")
    for projection in ("vision_proj", "text_proj"):
        weights |= linear(draw, f"blip.{projection}", 32, WIDTH)
    return weights | head_weights(draw, WIDTH, "mlp.")


def write_image_reward(folder: Path, words: Sequence[str]) -> Path:
    """Write a small ImageReward.pt, with BERT's vocabulary beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(image_reward_weights(), folder / "ImageReward.pt")
    write_vocabulary(folder, [*_SPECIAL, *words])
    return folder / "ImageReward.pt"


def write_blip(folder: Path, words: Sequence[str], seed: int = 0) -> Path:
    """Write a random BLIP of some thousand weights as transformers does, 16 pixels wide."""
    folder.mkdir(parents=True, exist_ok=True)
    sizes = {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
    }
    text = sizes | {"vocab_size": len(_SPECIAL) + len(words), "max_position_embeddings": 12}
    vision = sizes | {"image_size": 16, "patch_size": 8}
    config = BlipConfig(text_config=text, vision_config=vision, image_text_hidden_size=8)
    model = BlipForImageTextRetrieval(config)
    draw = torch.Generator().manual_seed(seed)
    for weight in model.parameters():
        # transformers' own first weights are so small that all images would look the same.
        if weight.ndim >= 2:
            drawn = torch.randn(weight.shape, generator=draw)
            weight.data = drawn / weight[0].numel() ** 0.5
    model.save_pretrained(folder)
    BlipImageProcessor(size={"height": 16, "width": 16}).save_pretrained(folder)
    write_vocabulary(folder, [*_SPECIAL, *words])
    AutoTokenizer.from_pretrained(folder).save_pretrained(folder)
    return folder


def write_vocabulary(folder: Path, words: list[str]) -> None:
    """Write BERT's kind of tokenizer, uncased."""
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(
        '{"tokenizer_class": "BertTokenizer", "do_lower_case": true}', encoding="utf-8"
    )
