"""What the shipped weights can do: the figures on their model cards."""

import time
from pathlib import Path

import numpy as np
import open_clip
import torch
from diffusers import StableDiffusionPipeline
from jaxtyping import Float
from torch import Tensor
from torchvision.utils import save_image
from tqdm import tqdm

from emoji_world.grammar import FAMILIES, NOUNS, Scene
from emoji_world.judge import Judge
from emoji_world.judge_network import MAX_COUNT
from emoji_world.pretrain.cards import write_cards
from emoji_world.pretrain.diffusion import ETA, GUIDANCE, NUM_STEPS, sample_grid, sample_images
from emoji_world.pretrain.pictures import scene_batch
from emoji_world.scenes import family_prompts
from emoji_world.sprites import SpriteSheet

NUM_SCENES = 2000
BATCH = 40
NUM_PROMPTS = 20
"""Prompts per family, drawn from all there are."""


def measure(weights: Path, sheet: SpriteSheet, *, num_images: int) -> dict:
    """Measure judge, model and CLIP; write their cards and a grid of samples."""
    judge = Judge.load(weights / "judge")
    pipeline = open_base(weights / "base")
    prompts = _sampled_prompts()
    images, seconds = _sample_all(pipeline, [p for _, p in prompts for _ in range(num_images)])
    met = torch.tensor(
        [v.met for v in judge.verdicts(images, [p for _, p in prompts for _ in range(num_images)])]
    ).view(len(prompts), num_images)
    figures = {
        "judge": judge_accuracy(judge, sheet),
        "base": _alignment(prompts, met),
        "clip": _clip_accuracy(weights / "clip", images, prompts, met),
        "seconds_per_image": round(seconds / len(images), 4),
        "sampler": {"num_steps": NUM_STEPS, "guidance": GUIDANCE, "eta": ETA, "batch": BATCH},
        "images_per_prompt": num_images,
        "megabytes": round(sum(p.stat().st_size for p in weights.rglob("*.*")) / 1e6, 1),
    }
    write_cards(weights, figures)
    save_image(sample_grid(pipeline), weights / "samples.png", nrow=12)
    return figures


def open_base(path: Path) -> StableDiffusionPipeline:
    """Open the text-to-image model in plain diffusers."""
    pipeline = StableDiffusionPipeline.from_pretrained(path)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def judge_accuracy(judge: Judge, sheet: SpriteSheet) -> dict[str, float]:
    """Return how often each of the judge's four answers is right on held-out clean scenes."""
    images, scenes = scene_batch(sheet, np.random.default_rng(31_337), NUM_SCENES)
    right = {"objects": 0, "count": 0, "colour": 0, "place": 0, "well drawn": 0}
    for scene, reading in zip(scenes, judge.read(images), strict=True):
        number = {n: min(c, MAX_COUNT) for n in NOUNS if (c := _count(scene, n))}
        right["objects"] += set(reading.counts) == set(number)
        right["count"] += dict(reading.counts) == number
        looks = {t.noun: t.colour or "natural" for t in scene.things}
        right["colour"] += reading.looks == looks
        right["place"] += reading.place == scene.place
        right["well drawn"] += reading.junk < 0.5
    return {answer: round(hits / NUM_SCENES, 4) for answer, hits in right.items()}


def _count(scene: Scene, noun: str) -> int:
    return sum(thing.noun == noun for thing in scene.things)


def _sampled_prompts() -> list[tuple[str, str]]:
    rng = np.random.default_rng(12)
    chosen = []
    for family in FAMILIES:
        options = family_prompts(family)
        picks = rng.permutation(len(options))[:NUM_PROMPTS]
        chosen += [(family, options[i]) for i in picks]
    return chosen


@torch.no_grad()
def _sample_all(
    pipeline: StableDiffusionPipeline, prompts: list[str]
) -> tuple[Float[Tensor, "batch 3 64 64"], float]:
    generator = torch.Generator().manual_seed(1)
    began = time.monotonic()
    starts = tqdm(range(0, len(prompts), BATCH), desc="samples", unit="batch")
    parts = [sample_images(pipeline, prompts[at : at + BATCH], generator) for at in starts]
    return torch.cat(parts), time.monotonic() - began


def _alignment(prompts: list[tuple[str, str]], met: Tensor) -> dict[str, float]:
    share = met.float().mean(1)
    by_family = {
        family: round(
            share[[i for i, (f, _) in enumerate(prompts) if f == family]].mean().item(), 3
        )
        for family in FAMILIES
    }
    return {"overall": round(share.mean().item(), 3)} | by_family


@torch.no_grad()
def _clip_accuracy(
    folder: Path, images: Tensor, prompts: list[tuple[str, str]], met: Tensor
) -> dict[str, float]:
    """Return how often CLIP similarity ranks an image that meets its prompt above a failure."""
    model = open_clip.create_model(f"local-dir:{folder}").eval()
    tokenize = open_clip.get_tokenizer(f"local-dir:{folder}")
    assert isinstance(model, open_clip.CLIP)
    features = torch.cat([model.encode_image(b * 2 - 1, normalize=True) for b in images.split(256)])
    text = model.encode_text(tokenize([p for _, p in prompts]), normalize=True)
    similarity = (features.view(*met.shape, -1) * text[:, None]).sum(-1)
    hits: dict[str, list[float]] = {"overall": []} | {family: [] for family in FAMILIES}
    for (family, _), row, truth in zip(prompts, similarity, met, strict=True):
        good, bad = row[truth], row[~truth]
        if len(good) and len(bad):
            right = (good[:, None] > bad[None, :]).float().mean().item()
            hits["overall"].append(right)
            hits[family].append(right)
    return {name: round(float(np.mean(values)), 3) for name, values in hits.items() if values}
