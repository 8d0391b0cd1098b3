"""A workspace of many comparisons: images of few colours, and a rater who likes light or dark."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL.Image

from data.files import sha256_of
from data.records import Choice, Comparison, Image, Pair, Policy, Prompt, Rater, RaterKind, Sampler
from data.store import Batch
from data.workspace import Workspace
from emoji_world.grammar import COLOURS, NOUNS, PLACES

PAIRS_PER_PROMPT = 10
SIZE = 64
_TIE = 0.05
_NUM_BLOCKS = 8
_NUM_COLOURS = 4
_SAMPLER = Sampler(scheduler="ddim", num_steps=1, guidance=1.0, eta=0.0, width=SIZE, height=SIZE)


@dataclass(frozen=True)
class _Picture:
    sha256: str
    lightness: float


def plant(root: Path, num_pairs: int, seed: int = 0) -> Workspace:
    """Make a workspace with so many comparisons of one simulated rater, no image twice."""
    rng, workspace = np.random.default_rng(seed), Workspace.create(root)
    rater = Rater.new("planted", RaterKind.SIMULATED)
    prompts = [Prompt.new(text, family=text.split()[1]) for text in _texts(num_pairs)]
    batch = Batch(policies=[Policy(name="base", base="none")], prompts=prompts, raters=[rater])
    for number in range(num_pairs):
        prompt = prompts[number % len(prompts)]
        pictures = [_save(workspace, rng), _save(workspace, rng)]
        a, b = (
            Image.new(
                sha256=picture.sha256,
                policy="base",
                prompt_id=prompt.prompt_id,
                seed=2 * number + place,
                sampler=_SAMPLER,
            )
            for place, picture in enumerate(pictures)
        )
        pair = Pair.new(round=0, prompt_id=prompt.prompt_id, image_a=a.image_id, image_b=b.image_id)
        batch.images += [a, b]
        batch.pairs.append(pair)
        batch.comparisons.append(
            Comparison.new(
                pair_id=pair.pair_id,
                rater_id=rater.rater_id,
                choice=_choose(prompt.text, pictures, rng),
                shown_left=a.image_id,
                idempotency_key=f"{seed}-{number}",
            )
        )
    workspace.store().add_batch(batch)
    return workspace


def _texts(num_pairs: int) -> list[str]:
    """Return as many prompts as give each of them its pairs."""
    number = max(2, num_pairs // PAIRS_PER_PROMPT)
    return [text for text, _ in zip(_endless_texts(), range(number), strict=False)]


def _endless_texts() -> Iterator[str]:
    """Yield one prompt after another, all different: a light dog or a dark one, then its place."""
    number = 0
    while True:
        for light in ("light", "dark"):
            for noun in NOUNS:
                for colour in COLOURS:
                    for place in PLACES.values():
                        yield f"a {light} {colour} {noun} {place}" + f" {number}" * bool(number)
        number += 1


def _save(workspace: Workspace, rng: np.random.Generator) -> _Picture:
    """Write a picture as `save_image` does, but without forcing each to the disk."""
    lightness = float(rng.uniform(0.2, 0.8))
    palette = 255 * (lightness + rng.uniform(-0.2, 0.2, size=(_NUM_COLOURS, 3)))
    blocks = palette.astype(np.uint8)[rng.integers(_NUM_COLOURS, size=(_NUM_BLOCKS, _NUM_BLOCKS))]
    pixels = blocks.repeat(SIZE // _NUM_BLOCKS, axis=0).repeat(SIZE // _NUM_BLOCKS, axis=1)
    written = io.BytesIO()
    PIL.Image.fromarray(pixels).save(written, "PNG", compress_level=1)
    sha256 = sha256_of(written.getvalue())
    path = workspace.image_path(sha256)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(written.getvalue())
    return _Picture(sha256, lightness)


def _choose(text: str, pictures: list[_Picture], rng: np.random.Generator) -> Choice:
    """Prefer the lighter for "light", the darker else; near ones tie, and one in ten is a slip."""
    left, right = (picture.lightness for picture in pictures)
    if abs(left - right) < _TIE:
        return Choice.TIE
    is_left = (left > right) == ("light" in text)
    return Choice.LEFT if is_left != (rng.random() < 0.1) else Choice.RIGHT
