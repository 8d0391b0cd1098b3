"""Galleries: plain grids of samples at fixed seeds, one row per prompt, to watch a run."""

import io
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from data.files import write_atomically
from data.records import Prompt
from rl_finetune.config import GalleryConfig, SamplingConfig
from rl_finetune.policy import DiffusionPolicy
from rl_finetune.sampling import sample_images

_GAP = 2


def draw_gallery(
    policy: DiffusionPolicy, prompts: list[Prompt], sampling: SamplingConfig, config: GalleryConfig
) -> Float[Tensor, "3 height width"]:
    """Sample the first prompts at seeds 0, 1, 2, ... with the run's own sampler, as one grid."""
    rows, columns = prompts[: config.num_prompts], config.num_images_per_prompt
    images = sample_images(
        policy,
        [prompt.text for prompt in rows for _ in range(columns)],
        list(range(columns)) * len(rows),
        schedule=policy.schedule(sampling.num_steps, sampling.eta),
        guidance=sampling.guidance,
        batch_size=sampling.batch_size,
    )
    return make_grid(images, columns)


def make_grid(
    images: Float[Tensor, "batch 3 height width"], columns: int
) -> Float[Tensor, "3 grid_height grid_width"]:
    """Lay images out row by row with white gaps between them."""
    gap = (0, _GAP, 0, _GAP)
    framed = torch.nn.functional.pad(images, gap, value=1.0)
    rows = [torch.cat(list(row), dim=2) for row in framed.split(columns)]
    return torch.cat(rows, dim=1)[:, :-_GAP, :-_GAP]


def to_pixels(image: Float[Tensor, "3 height width"]) -> UInt8[np.ndarray, "height width 3"]:
    """Round an image in [0, 1] to bytes, as diffusers does."""
    return (image.permute(1, 2, 0).cpu().numpy() * 255).round().astype(np.uint8)


def to_png(image: Float[Tensor, "3 height width"]) -> bytes:
    """Encode an image in [0, 1] as PNG."""
    buffer = io.BytesIO()
    Image.fromarray(to_pixels(image)).save(buffer, format="PNG")
    return buffer.getvalue()


def save_gallery(path: Path, grid: Float[Tensor, "3 height width"]) -> None:
    """Write a grid as a PNG file."""
    write_atomically(path, to_png(grid))
