"""What the base model draws, prompt by prompt, framed by what the judge says of it."""

import io
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

import torch
from matplotlib import pyplot as plt
from torch.nn import functional

from data.files import write_atomically
from emoji_world.assets import base_path
from emoji_world.judge import Judge
from emoji_world.pretrain.diffusion import sample_images
from emoji_world.pretrain.measure import open_base

PROMPTS = (
    ("a green rabbit", "a blue dog", "an orange car", "a red apple"),
    ("four wolves", "three birds", "two frogs", "four cats"),
    ("a cat and a dog", "a rabbit and an apple", "a bird and a car", "a frog and a wolf"),
    ("a dog on the moon", "a car on the beach", "a wolf in the snow", "a cat in the park"),
)
FAMILIES = ("colour", "count", "composition", "location")
COLUMNS = 5
FRAME = 3
MET, MISSED = (0.18, 0.62, 0.28), (0.82, 0.82, 0.82)


def draw_world(path: Path) -> None:
    """Draw one block per capability family, one row per prompt; green: the prompt is met."""
    pipeline, judge = open_base(base_path()), Judge.load()
    figure, axes = plt.subplots(2, 2, figsize=(11.5, 7.4), layout="constrained")
    for axis, family, prompts in zip(axes.flat, FAMILIES, PROMPTS, strict=True):
        rows = [_row(pipeline, judge, prompt) for prompt in prompts]
        axis.imshow(torch.cat(rows, dim=1).permute(1, 2, 0), interpolation="nearest")
        height = rows[0].shape[1]
        axis.set_title(family, fontsize=12)
        axis.set_yticks([height * (n + 0.5) for n in range(len(prompts))], prompts, fontsize=10)
        axis.set_xticks([])
        axis.tick_params(length=0)
        axis.spines[:].set_visible(False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=90, bbox_inches="tight")
    plt.close(figure)
    write_atomically(path, buffer.getvalue())


def _row(pipeline, judge: Judge, prompt: str) -> torch.Tensor:  # noqa: ANN001
    """Draw a prompt a few times, side by side, each image in its frame."""
    prompts = [prompt] * COLUMNS
    images = sample_images(pipeline, prompts, torch.Generator().manual_seed(0))
    return torch.cat(
        [
            _framed(image, MET if verdict.met else MISSED)
            for image, verdict in zip(images, judge.verdicts(images, prompts), strict=True)
        ],
        dim=2,
    )


def _framed(image: torch.Tensor, colour: tuple[float, float, float]) -> torch.Tensor:
    height, width = (size + 2 * FRAME for size in image.shape[1:])
    framed = torch.tensor(colour)[:, None, None].repeat(1, height, width)
    framed[:, FRAME:-FRAME, FRAME:-FRAME] = image.cpu()
    return functional.pad(framed, (1, 1, 1, 1), value=1.0)
