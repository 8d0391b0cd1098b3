"""Ill-drawn things: what a half-trained image model produces and no rater should accept."""

import numpy as np

from emoji_world.grammar import COLOURS, NOUNS
from emoji_world.sprites import Sprite, SpriteSheet


def spoil(sprite: Sprite, sheet: SpriteSheet, noun: str, rng: np.random.Generator) -> Sprite:
    """Return an ill-drawn version of a sprite: hybrid, torn, faded, smeared or two-coloured."""
    size = sprite.shape[0]
    way = rng.choice(["blend", "split", "stack", "fade", "holes", "two-coloured", "smear"])
    if way in {"blend", "split", "stack"}:
        other = sheet.sprites[str(rng.choice([n for n in NOUNS if n != noun])), None, size]
        return _HYBRIDS[str(way)](sprite, other, rng)
    if way == "fade":
        faded = sprite.copy()
        faded[..., 3] *= rng.uniform(0.2, 0.5)
        return faded
    if way == "two-coloured":
        first, second = rng.choice(COLOURS, size=2, replace=False)
        return _split(
            sheet.sprites[noun, str(first), size], sheet.sprites[noun, str(second), size], rng
        )
    return _holes(sprite, rng) if way == "holes" else _smear(sprite, rng)


def _blend(a: Sprite, b: Sprite, rng: np.random.Generator) -> Sprite:
    share = rng.uniform(0.35, 0.65)
    return (a * share + b * (1 - share)).astype(np.float32)


def _split(a: Sprite, b: Sprite, rng: np.random.Generator) -> Sprite:
    cut = int(a.shape[0] * rng.uniform(0.38, 0.62))
    return np.concatenate([a[:, :cut], b[:, cut:]], axis=1)


def _stack(a: Sprite, b: Sprite, rng: np.random.Generator) -> Sprite:
    cut = int(a.shape[0] * rng.uniform(0.38, 0.62))
    return np.concatenate([a[:cut], b[cut:]], axis=0)


def _holes(sprite: Sprite, rng: np.random.Generator) -> Sprite:
    torn = sprite.copy()
    size = sprite.shape[0]
    side = int(size * rng.uniform(0.4, 0.6))
    x, y = rng.integers(0, size - side + 1, size=2)
    torn[y : y + side, x : x + side, 3] = 0
    return torn


def _smear(sprite: Sprite, rng: np.random.Generator) -> Sprite:
    """Shift the rows against one another, as a drawing that lost its shape."""
    size = sprite.shape[0]
    wave = (
        size
        * rng.uniform(0.12, 0.25)
        * np.sin(np.arange(size) / size * rng.uniform(4, 12) + rng.uniform(0, 6))
    )
    return np.stack(
        [np.roll(row, int(shift), axis=0) for row, shift in zip(sprite, wave, strict=True)]
    )


_HYBRIDS = {"blend": _blend, "split": _split, "stack": _stack}
