"""Reading the images that a workspace keeps as tensors."""

import io
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image as Picture
from torch import Tensor

from data.errors import ImageError
from data.workspace import Workspace


def read_images(workspace: Workspace, hashes: Sequence[str]) -> Tensor:
    """Read images of one size into a tensor of shape (batch, 3, height, width) in [0, 1]."""
    return torch.stack([_decode(workspace.read_image(sha256), sha256) for sha256 in hashes])


def _decode(raw: bytes, sha256: str) -> Tensor:
    try:
        with Picture.open(io.BytesIO(raw)) as picture:
            levels = np.array(picture.convert("RGB"), dtype=np.float32) / 255
    except (OSError, SyntaxError) as error:
        raise ImageError(f"image {sha256} is not a readable picture ({error})") from None
    return torch.from_numpy(levels).permute(2, 0, 1)
