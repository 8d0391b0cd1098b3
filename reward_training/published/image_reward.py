"""ImageReward (Xu et al. 2023, arXiv 2304.05977): BLIP and a stack of linear layers.

The checkpoint is its publisher's `ImageReward.pt`; the code is transformers' BLIP, for the package
cannot be installed beside a transformers of today.
"""

from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from transformers import AutoTokenizer

from data.errors import RewardError
from reward_training.backbone import LOADER_ERRORS, first_lines
from reward_training.blip import Blip, BlipSizes, blip_weights
from reward_training.preprocessing import CLIP_MEAN, CLIP_STD, Preprocessing
from reward_training.published.checkpoint import fill, read_checkpoint
from reward_training.published.linear_stack import LinearStack
from reward_training.published.reward import PublishedReward

TOKENIZER = "google-bert/bert-base-uncased"
_CONTEXT = 35
"""Tokens of a prompt that are read."""
_MEAN, _STD = 0.16717362830052426, 1.0333394966054072
"""Of what the stack gives, over its publisher's training images."""
_HEAD = "mlp."


class ImageReward(PublishedReward):
    """A person's liking of an image for a prompt, with mean 0 and deviation 1 over its data."""

    def __init__(self, name: str, sizes: BlipSizes, tokenizer: Any) -> None:  # noqa: ANN401
        super().__init__(name)
        self.blip = Blip(sizes)
        self.head = LinearStack(sizes.text_width)
        self.tokenizer = tokenizer
        self.preprocess = Preprocessing(
            size=(sizes.image_size, sizes.image_size),
            interpolation="bicubic",
            resize_mode="shortest",
            mean=CLIP_MEAN,
            std=CLIP_STD,
        )

    @classmethod
    def open(cls, name: str, checkpoint: Path, tokenizer: str = TOKENIZER) -> "ImageReward":
        """Read its publisher's checkpoint; the sizes are read off it.

        `tokenizer` is a folder, or the hub's name, of BERT's uncased vocabulary.
        """
        weights = read_checkpoint(checkpoint)
        try:
            sizes = BlipSizes.of(weights)
        except (KeyError, IndexError):
            raise RewardError(
                f"{checkpoint} is no checkpoint of ImageReward: it lacks BLIP's weights; expected "
                "the published layout"
            ) from None
        reward = cls(name, sizes, _open_tokenizer(tokenizer))
        fill(reward.blip, blip_weights(weights), checkpoint, "ImageReward")
        head = {n.removeprefix(_HEAD): w for n, w in weights.items() if n.startswith(_HEAD)}
        fill(reward.head, head, checkpoint, "ImageReward")
        return reward

    def raw(
        self, images: Float[Tensor, "batch 3 height width"], prompts: list[str]
    ) -> Float[Tensor, " batch"]:
        """Return the reward of images in [0, 1], one prompt each."""
        if len(images) != len(prompts):
            raise ValueError(f"expected a prompt per image, got {len(prompts)} for {len(images)}")
        weight = next(self.parameters())
        pixels = self.preprocess(images.to(weight.device, torch.float32)).to(weight.dtype)
        read = self.tokenizer(
            prompts, padding="max_length", truncation=True, max_length=_CONTEXT, return_tensors="pt"
        ).to(weight.device)
        features = self.blip(pixels, read["input_ids"], read["attention_mask"])
        return (self.head(features) - _MEAN) / _STD


def _open_tokenizer(source: str) -> Any:  # noqa: ANN401
    try:
        return AutoTokenizer.from_pretrained(source)
    except LOADER_ERRORS as error:
        raise RewardError(
            f"transformers cannot open the tokenizer {source}: {first_lines(error)}; expected "
            f"{TOKENIZER} of the hub, or its vocab.txt beside the checkpoint"
        ) from None
