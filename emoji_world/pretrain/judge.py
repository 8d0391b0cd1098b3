"""The judge's training: scenes of every kind, well and ill drawn, sharp and as the model draws."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor
from torch.nn import functional
from tqdm import trange

from emoji_world.grammar import COLOURS, NOUNS, Scene, Thing
from emoji_world.judge_network import GROUNDS, LOOKS, MAX_COUNT, JudgeNetwork
from emoji_world.pretrain.codec import decode_softly
from emoji_world.pretrain.junk import spoil
from emoji_world.pretrain.trainer import Training, train
from emoji_world.scenes import draw, random_scene
from emoji_world.sprites import Sprite, SpriteSheet

JUNK_SHARE = 0.3
NUM_DECODED = 4096
"""Scenes seen through the autoencoder: the judge must know the model's soft edges."""

Targets = dict[str, Tensor]


def any_scene(rng: np.random.Generator) -> Scene:
    """Draw a scene of the grammar or a wild one: what a model may draw, asked or not."""
    if rng.random() < 0.5:
        return random_scene(rng)
    number = int(rng.choice([1, 2, 3, 4, 5, 6], p=[0.2, 0.25, 0.2, 0.2, 0.1, 0.05]))
    nouns = [str(noun) for noun in rng.choice(NOUNS, size=int(rng.integers(1, 4)))]
    colour = str(rng.choice(COLOURS))
    things = tuple(
        Thing(str(rng.choice(nouns)), colour if rng.random() < 0.35 else None)
        for _ in range(number)
    )
    return Scene(things, str(rng.choice(GROUNDS)))


def targets_of(scenes: list[Scene], junk: list[bool]) -> Targets:
    """Turn scenes into class indices; -1 marks the look of a noun that is not there."""
    counts = torch.zeros(len(scenes), len(NOUNS), dtype=torch.long)
    looks = torch.full((len(scenes), len(NOUNS)), -1)
    for row, scene in enumerate(scenes):
        for column, noun in enumerate(NOUNS):
            colours = {thing.colour for thing in scene.things if thing.noun == noun}
            number = sum(thing.noun == noun for thing in scene.things)
            counts[row, column] = min(number, MAX_COUNT)
            if number:
                look = "mixed" if len(colours) > 1 else colours.pop() or "natural"
                looks[row, column] = LOOKS.index(look)
    place = torch.tensor([GROUNDS.index(scene.place) for scene in scenes])
    return {"counts": counts, "looks": looks, "place": place, "junk": torch.tensor(junk).float()}


def judge_batch(
    sheet: SpriteSheet, rng: np.random.Generator, number: int
) -> tuple[Tensor, Targets]:
    """Draw scenes with what is true of them: images (number, 3, 64, 64) in [0, 1]."""
    scenes, junk = [any_scene(rng) for _ in range(number)], []
    images = np.empty((number, 64, 64, 3), dtype=np.float32)
    for i, scene in enumerate(scenes):
        ill = rng.random() < JUNK_SHARE
        one = int(rng.integers(len(scene.things)))
        seen = iter(range(len(scene.things)))

        def redraw(sprite: Sprite, noun: str, one: int = one, seen: Iterator[int] = seen) -> Sprite:
            # One thing is always spoilt, the others sometimes.
            spoilt = next(seen) == one or rng.random() < 0.3
            return spoil(sprite, sheet, noun, rng) if spoilt else sprite

        images[i] = draw(scene, sheet, rng, free=rng.random() < 0.5, spoil=redraw if ill else None)
        junk.append(ill)
    tensor = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()
    return tensor, targets_of(scenes, junk)


def judge_loss(network: JudgeNetwork, images: Tensor, targets: Targets) -> Tensor:
    """Sum the four answers' cross-entropies; what an ill-drawn scene holds is not asked."""
    out = network(images)
    clean = targets["junk"] < 0.5
    counts = functional.cross_entropy(
        out["counts"][clean].flatten(0, 1), targets["counts"][clean].flatten()
    )
    looks = functional.cross_entropy(
        out["looks"][clean].flatten(0, 1), targets["looks"][clean].flatten(), ignore_index=-1
    )
    place = functional.cross_entropy(out["place"], targets["place"])
    junk = functional.binary_cross_entropy_with_logits(out["junk"], targets["junk"])
    return 2 * counts + looks + 0.5 * place + junk


def train_judge(
    sheet: SpriteSheet,
    vae: AutoencoderKL,
    training: Training,
    folder: Path,
    *,
    seed: int,
    batch: int,
) -> JudgeNetwork:
    """Train the judge on drawn scenes and on scenes seen through the autoencoder."""
    network = JudgeNetwork().to(memory_format=torch.channels_last)
    decoded_images, decoded_targets = _decoded_pool(sheet, vae)

    def loss(rng: np.random.Generator) -> Tensor:
        images, targets = judge_batch(sheet, rng, batch // 2)
        rows = torch.from_numpy(rng.integers(len(decoded_images), size=batch - batch // 2))
        images = torch.cat([images, decoded_images[rows].float() / 255])
        targets = {
            key: torch.cat([value, decoded_targets[key][rows]]) for key, value in targets.items()
        }
        with torch.autocast("cpu", torch.bfloat16):
            return judge_loss(network, disturb(images, rng), targets)

    train("judge", network, loss, training, folder, seed=seed)
    return network


def disturb(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Blur a third of a batch, tint and shade all of it softly, and add a little noise."""
    number = len(images)
    size, scale = images.shape[-2:], float(rng.uniform(0.5, 0.8))
    small = functional.interpolate(images, scale_factor=scale, mode="bilinear", antialias=True)
    soft = functional.interpolate(small, size=size, mode="bilinear")
    blurred = torch.from_numpy(rng.random((number, 1, 1, 1)) < 1 / 3)
    tint = torch.from_numpy(rng.normal(0, 0.025, (number, 3, 3, 3)).astype(np.float32))
    noise = torch.from_numpy(rng.normal(0, 1, images.shape).astype(np.float32))
    strength = torch.from_numpy(rng.uniform(0, 0.03, (number, 1, 1, 1)).astype(np.float32))
    shade = functional.interpolate(tint, size=images.shape[-2:], mode="bicubic")
    return (torch.where(blurred, soft, images) + shade + noise * strength).clamp(0, 1)


def _decoded_pool(sheet: SpriteSheet, vae: AutoencoderKL) -> tuple[Tensor, Targets]:
    """Draw scenes as the autoencoder shows them, with their targets."""
    rng = np.random.default_rng(17)
    parts, all_targets = [], []
    for _ in trange(NUM_DECODED // 64, desc="decoded scenes", unit="batch"):
        images, targets = judge_batch(sheet, rng, 64)
        parts.append(decode_softly(vae, images, rng))
        all_targets.append(targets)
    merged = {key: torch.cat([t[key] for t in all_targets]) for key in all_targets[0]}
    return torch.cat(parts), merged
