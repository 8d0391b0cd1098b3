"""From images of any size to what a vision tower reads; gradients pass through."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast, get_args

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from data.errors import RewardError

ResizeMode = Literal["squash", "shortest", "longest"]
_MODES = get_args(ResizeMode)

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
"""Of the channels of OpenAI's training images; ImageReward and most of CLIP's kin use them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Preprocessing:
    """A resize to a fixed size, then mean and deviation of the channels.

    Of images with whole grey levels it makes what torchvision makes of the files, by PIL or, where
    `whole_grey_levels` is false, once they are tensors.
    """

    size: tuple[int, int]
    """Height and width."""
    interpolation: str
    resize_mode: ResizeMode
    """"squash" changes the shape of an image; "shortest" keeps it and crops the middle, "longest"
    keeps it and adds black on both sides."""
    mean: tuple[float, ...]
    std: tuple[float, ...]
    whole_grey_levels: bool = True
    """Resized images have the grey levels that a file can hold, as PIL makes them; false: what
    bicubic makes of floats, which may lie below 0 or above 1."""

    @classmethod
    def of_open_clip(cls, config: dict[str, object]) -> "Preprocessing":
        """Read open_clip's `preprocess_cfg`."""
        size, mode = config["size"], config["resize_mode"]
        if mode not in _MODES or config.get("fill_color", 0) != 0:
            raise RewardError(
                f"expected a CLIP with resize_mode {', '.join(_MODES)} and black as fill_color, "
                f"got {mode} and {config.get('fill_color', 0)}; change preprocess_cfg in its "
                "open_clip_config.json"
            )
        assert isinstance(size, int | Sequence)
        return cls(
            size=(size, size) if isinstance(size, int) else (int(size[0]), int(size[1])),
            interpolation=str(config["interpolation"]),
            resize_mode=cast("ResizeMode", mode),
            mean=_numbers(config["mean"]),
            std=_numbers(config["std"]),
        )

    def __call__(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch 3 model_height model_width"]:
        """Resize images in [0, 1] and normalise them."""
        if self.resize_mode == "shortest":
            images = _crop(self._resize(images, _covering(images, self.size)), self.size)
        elif self.resize_mode == "longest":
            images = _pad(self._resize(images, _fitting(images, self.size)), self.size)
        else:
            images = self._resize(images, self.size)
        return self.normalise(images)

    def normalise(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch 3 height width"]:
        """Bring images in [0, 1], of the model's size, to its mean and deviation."""
        mean, std = self._mean_and_std(images)
        return (images - mean) / std

    def undo_normalisation(
        self, pixels: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch 3 height width"]:
        """Bring what a model reads back to [0, 1]."""
        mean, std = self._mean_and_std(pixels)
        return pixels * std + mean

    def _mean_and_std(self, like: Tensor) -> tuple[Tensor, Tensor]:
        mean, std = (
            torch.tensor(values, device=like.device, dtype=like.dtype).view(1, -1, 1, 1)
            for values in (self.mean, self.std)
        )
        return mean, std

    def _resize(
        self, images: Float[Tensor, "batch 3 height width"], size: tuple[int, int]
    ) -> Float[Tensor, "batch 3 new_height new_width"]:
        """Resize one side, then the other, to whole grey levels each time, as PIL does.

        Which comes first decides what is rounded. Pillow 13 (python-pillow/Pillow#9549) begins with
        the height where that loses pixels, and more than twice as many as the width; earlier ones
        began with the width, save in very tall images. Without whole grey levels the order changes
        nothing, and both sides are resized at once.
        """
        if not self.whole_grey_levels:
            return self._interpolate(images, size)
        height, width = images.shape[-2:]
        lost_height, lost_width = height - size[0], width - size[1]
        is_height_first = lost_height > max(0, 2 * lost_width)
        halfway = (size[0], width) if is_height_first else (height, size[1])
        for target in (halfway, size):
            if tuple(images.shape[-2:]) != target:
                images = _to_grey_levels(self._interpolate(images, target))
        return images

    def _interpolate(
        self, images: Float[Tensor, "batch 3 height width"], size: tuple[int, int]
    ) -> Float[Tensor, "batch 3 new_height new_width"]:
        return functional.interpolate(
            images, size, mode=self.interpolation, antialias=True, align_corners=False
        )


def _to_grey_levels(images: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
    """Round to what a file can hold; gradients pass as if nothing had been rounded.

    Bicubic overshoots, and pixels in a file cannot.
    """
    clamped = images.clamp(0, 1)
    return clamped + ((clamped * 255).round() / 255 - clamped).detach()


def _numbers(values: object) -> tuple[float, ...]:
    assert isinstance(values, Sequence)
    return tuple(float(value) for value in values)


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


def _fitting(
    images: Float[Tensor, "batch 3 height width"], size: tuple[int, int]
) -> tuple[int, int]:
    """Return the largest size of the same shape that fits into `size`."""
    height, width = images.shape[-2:]
    scale = min(size[0] / height, size[1] / width)
    return round(height * scale), round(width * scale)


def _pad(
    images: Float[Tensor, "batch 3 height width"], size: tuple[int, int]
) -> Float[Tensor, "batch 3 new_height new_width"]:
    high, wide = size[0] - images.shape[-2], size[1] - images.shape[-1]
    return functional.pad(images, (wide // 2, wide - wide // 2, high // 2, high - high // 2))
