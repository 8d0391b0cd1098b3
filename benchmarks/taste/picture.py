"""The README's picture: the paper's four prompts, the same seeds, three policies."""

import io
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt

from benchmarks.taste.control import CLIP
from benchmarks.taste.figures import PAPER, TUNED
from data.files import write_atomically
from data.records import Image
from feedback_loop.loop import BASE, Loop

COLUMNS = 6
TITLES = {
    BASE: "base model",
    CLIP: "after RL on CLIP similarity",
    TUNED: "after RL on what (simulated) raters taught",
}


def draw_picture(demo: Loop, controls: Loop, path: Path) -> None:
    """Draw one block per policy, one row per prompt, one column per seed."""
    loops = {BASE: demo, CLIP: controls, TUNED: demo}
    figure, axes = plt.subplots(1, len(TITLES), figsize=(15, 3.9), layout="constrained")
    for axis, (name, title) in zip(axes, TITLES.items(), strict=True):
        axis.imshow(_block(loops[name], name), interpolation="nearest")
        axis.set_title(title, fontsize=12)
        axis.set_xticks([])
        axis.set_yticks([])
        axis.spines[:].set_visible(False)
    size = 64
    axes[0].set_yticks([size * (row + 0.5) for row in range(len(PAPER))], PAPER, fontsize=11)
    axes[0].tick_params(length=0)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    plt.close(figure)
    write_atomically(path, buffer.getvalue())


def _block(loop: Loop, policy: str):  # noqa: ANN202  (an array of pixels)
    import torch

    from feedback_loop.pixels import read_images

    rows = [
        torch.cat(list(read_images(loop.workspace, [i.sha256 for i in images])), dim=2)
        for images in (_measured(loop, policy, text) for text in PAPER)
    ]
    return torch.cat(rows, dim=1).permute(1, 2, 0).numpy()


def _measured(loop: Loop, policy: str, text: str) -> list[Image]:
    from feedback_loop.seeds import measure_seeds

    prompt = next(p for p in loop.prompts() if p.text == text)
    seeds = measure_seeds(loop.config)[:COLUMNS]
    images = loop.store.images(policy=policy, prompt_ids=[prompt.prompt_id])
    return sorted((i for i in images if i.seed in seeds), key=lambda image: image.seed)
