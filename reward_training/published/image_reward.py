"""ImageReward (Xu et al. 2023, arXiv 2304.05977): BLIP and a stack of linear layers.

The checkpoint is its publisher's `ImageReward.pt`; the code is transformers' BLIP, for the package
cannot be installed beside a transformers of today. Between the layers of the stack is nothing but
dropout, so that in use they are one linear function of BLIP's feature, as which it is kept here.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from transformers import AutoTokenizer, CLIPImageProcessor

from data.errors import RewardError
from reward_training.published.checkpoint import checkpoint_of, fill, read_checkpoint
from reward_training.published.linear_stack import LinearStack
from reward_training.towers.backbone import LOADER_ERRORS, first_lines
from reward_training.towers.blip import BlipSizes, blip_weights
from reward_training.towers.blip_backbone import BlipBackbone

NAME = "image-reward"
TOKENIZER = "google-bert/bert-base-uncased"
_MEAN, _STD = 0.16717362830052426, 1.0333394966054072
"""Of what the stack gives, over its publisher's training images."""
_HEAD = "mlp."
_VOCABULARY = ("vocab.txt", "tokenizer.json", "tokenizer_config.json")


def open_image_reward(path: str) -> BlipBackbone:
    """Open ImageReward's checkpoint as a backbone, whose own score is ImageReward.

    Args:
        path: Of the checkpoint, from beside which BERT's vocabulary is taken where it is there;
            empty for the hub's.
    """
    checkpoint = checkpoint_of(path, "THUDM/ImageReward", "ImageReward.pt")
    has_vocabulary = any((checkpoint.parent / name).is_file() for name in _VOCABULARY[:2])
    tokenizer = str(checkpoint.parent) if path and has_vocabulary else TOKENIZER
    weights = read_checkpoint(checkpoint)
    try:
        sizes = BlipSizes.of(weights)
    except (KeyError, IndexError):
        raise RewardError(
            f"{checkpoint} is no checkpoint of ImageReward: it lacks BLIP's weights; expected "
            "the published layout"
        ) from None
    side = {"height": sizes.image_size, "width": sizes.image_size}
    processor = CLIPImageProcessor(size={"shortest_edge": sizes.image_size}, crop_size=side)
    backbone = BlipBackbone(
        sizes.config(), _open_tokenizer(tokenizer), processor, control="ImageReward"
    )
    fill(backbone.blip, blip_weights(weights), checkpoint, "ImageReward")
    backbone.set_own_score(*_own_score(weights, sizes.text_width, checkpoint))
    return backbone


def local_files(path: str) -> list[Path]:
    """Return the files that decide what `open_image_reward` opens; none of the hub's."""
    if not path:
        return []
    beside = [Path(path).parent / name for name in _VOCABULARY]
    return [file for file in (Path(path), *beside) if file.is_file()]


@torch.no_grad()
def _own_score(
    weights: Mapping[str, Tensor], width: int, checkpoint: Path
) -> tuple[Float[Tensor, "1 width"], Float[Tensor, " 1"]]:
    """Multiply the stack's layers, and what brings them to mean 0 and deviation 1, out."""
    stack = LinearStack(width)
    head = {n.removeprefix(_HEAD): w for n, w in weights.items() if n.startswith(_HEAD)}
    fill(stack, head, checkpoint, "ImageReward")
    stack.double()
    bias = stack(torch.zeros(1, width, dtype=torch.double))
    weight = stack(torch.eye(width, dtype=torch.double)) - bias
    return (weight[None] / _STD).float(), ((bias - _MEAN) / _STD).float()


def _open_tokenizer(source: str) -> Any:  # noqa: ANN401
    try:
        return AutoTokenizer.from_pretrained(source)
    except LOADER_ERRORS as error:
        raise RewardError(
            f"transformers cannot open the tokenizer {source}: {first_lines(error)}; expected "
            f"{TOKENIZER} of the hub, or its vocab.txt beside the checkpoint"
        ) from None
