"""Sprites of Noto Color Emoji and drawn places: the only file that needs the font."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, features

from data.errors import TastemakerError
from emoji_world.grammar import COLOURS, NOUNS, PLACES, PLAIN

SIZE = 64
Sprite = NDArray[np.float32]
"""One thing, cut out: RGBA in [0, 1], square."""

FONT = Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")
GLYPHS = dict(zip(NOUNS, "🐶🐱🐰🐺🐸🐦🍎🚗", strict=True))
PAINT = {
    "red": (225, 35, 40), "green": (45, 165, 60), "blue": (50, 95, 230),
    "yellow": (250, 215, 40), "purple": (150, 60, 195), "orange": (250, 140, 25),
}  # fmt: skip
SPRITE_SIZES = (20, 22, 26, 27, 28, 29, 30, 40, 42, 44, 46)
VARIANTS = 48
_GLYPH_POINTS = 109  # the one size at which Noto's bitmaps exist


@dataclass(frozen=True)
class SpriteSheet:
    """Every sprite and ground that scenes are made of, as float arrays in [0, 1]."""

    sprites: dict[tuple[str, str | None, int], Float[np.ndarray, "size size 4"]]
    grounds: dict[str, Float[np.ndarray, "variants 64 64 3"]]


def load_sheet(font: Path = FONT) -> SpriteSheet:
    """Render the sheet; a missing font is named with the package that brings it."""
    if not font.is_file():
        raise TastemakerError(
            f"expected the font {font} to draw scenes, found none; "
            "install Debian's fonts-noto-color-emoji (only rebuilding the world needs it)"
        )
    typeface = ImageFont.truetype(str(font), _GLYPH_POINTS)
    if not features.check("freetype2"):
        raise TastemakerError("expected Pillow with FreeType to draw emoji; reinstall Pillow")
    sprites = {}
    for noun in NOUNS:
        glyph = _glyph(typeface, GLYPHS[noun])
        for colour in (None, *COLOURS):
            painted = glyph if colour is None else _paint(glyph, PAINT[colour])
            for size in SPRITE_SIZES:
                sprites[noun, colour, size] = _fit(painted, size)
    rng = np.random.default_rng(7)
    grounds = {
        place: np.stack([_ground(place, rng) for _ in range(VARIANTS)])
        for place in (PLAIN, *PLACES)
    }
    return SpriteSheet(sprites, grounds)


def _glyph(typeface: ImageFont.FreeTypeFont, character: str) -> Image.Image:
    canvas = Image.new("RGBA", (160, 160), (0, 0, 0, 0))
    ImageDraw.Draw(canvas).text((12, 12), character, font=typeface, embedded_color=True)
    box = canvas.getbbox()
    if box is None:
        raise TastemakerError(f"expected a colour glyph for {character}, the font drew nothing")
    return canvas.crop(box)


def _paint(glyph: Image.Image, paint: tuple[int, int, int]) -> Image.Image:
    """Map luminance onto a colour: dark stays dark, light goes towards white, eyes survive."""
    pixels = np.asarray(glyph, dtype=np.float32) / 255
    light = pixels[..., :3] @ np.array([0.299, 0.587, 0.114], dtype=np.float32)
    # Dark sprites (a wolf's grey, a car's shade) would stay too dark to show their colour.
    opaque = light[pixels[..., 3] > 0.5]
    light = np.clip(light * (0.55 / max(float(np.median(opaque)), 0.2)), 0, 1)[..., None]
    colour = np.array(paint, dtype=np.float32) / 255
    shade = np.where(light < 0.5, colour * light * 2, colour + (1 - colour) * (light - 0.5) * 1.5)
    out = np.concatenate([np.clip(shade, 0, 1), pixels[..., 3:]], axis=-1)
    return Image.fromarray((out * 255).astype(np.uint8), "RGBA")


def _fit(sprite: Image.Image, size: int) -> NDArray[np.float32]:
    scale = size / max(sprite.size)
    width, height = (max(1, round(side * scale)) for side in sprite.size)
    canvas = Image.new("RGBA", (size, size), (0, 0, 0, 0))
    canvas.paste(
        sprite.resize((width, height), Image.Resampling.LANCZOS),
        ((size - width) // 2, (size - height) // 2),
    )
    return np.asarray(canvas, dtype=np.float32) / np.float32(255)


def _ground(place: str, rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw one variant of a place at twice the size, then halve it for smooth edges."""
    canvas = Image.new("RGB", (SIZE * 2, SIZE * 2))
    draw = ImageDraw.Draw(canvas)
    _DRAWERS[place](draw, rng)
    small = canvas.resize((SIZE, SIZE), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float32) / np.float32(255)


def _plain(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    grey = int(rng.integers(238, 251))
    draw.rectangle((0, 0, 127, 127), fill=(grey, grey, grey))


def _park(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    horizon = int(rng.integers(74, 86))
    draw.rectangle((0, 0, 127, horizon), fill=(148, 200, 248))
    draw.rectangle((0, horizon, 127, 127), fill=(112, 184, 80))
    for centre in (int(rng.integers(8, 22)), int(rng.integers(106, 120))):
        crown = int(rng.integers(36, 50))
        draw.rectangle((centre - 4, crown, centre + 4, horizon + 6), fill=(120, 80, 44))
        draw.ellipse((centre - 19, crown - 22, centre + 19, crown + 16), fill=(46, 122, 50))


def _moon(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    horizon = int(rng.integers(68, 82))
    draw.rectangle((0, 0, 127, 127), fill=(14, 14, 40))
    for x, y in rng.integers(2, (124, horizon), size=(22, 2)):
        draw.rectangle((x, y, x + 1, y + 1), fill=(250, 250, 255))
    draw.ellipse((-50, horizon, 178, horizon + 160), fill=(158, 158, 166))
    for x, y in rng.integers((6, horizon + 16), (116, 122), size=(4, 2)):
        draw.ellipse((x - 8, y - 3, x + 8, y + 4), fill=(126, 126, 134))


def _beach(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    sea, sand = int(rng.integers(44, 54)), int(rng.integers(70, 82))
    draw.rectangle((0, 0, 127, sea), fill=(122, 214, 252))
    draw.rectangle((0, sea, 127, sand), fill=(34, 112, 190))
    draw.rectangle((0, sand, 127, 127), fill=(232, 204, 148))
    x, y = int(rng.integers(92, 110)), int(rng.integers(14, 22))
    draw.ellipse((x - 14, y - 14, x + 14, y + 14), fill=(255, 222, 60))


def _snow(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    horizon = int(rng.integers(70, 84))
    draw.rectangle((0, 0, 127, horizon), fill=(172, 184, 214))
    draw.rectangle((0, horizon, 127, 127), fill=(246, 249, 255))
    for centre in (int(rng.integers(8, 20)), int(rng.integers(108, 120))):
        top = int(rng.integers(10, 24))
        draw.polygon(
            [(centre, top), (centre - 19, horizon + 8), (centre + 19, horizon + 8)],
            fill=(38, 96, 84),
        )
        draw.polygon(
            [(centre, top), (centre - 8, top + 24), (centre + 8, top + 24)], fill=(250, 252, 255)
        )
    for x, y in rng.integers(2, (124, horizon), size=(18, 2)):
        draw.ellipse((x, y, x + 2, y + 2), fill=(255, 255, 255))


_DRAWERS = {PLAIN: _plain, "park": _park, "moon": _moon, "beach": _beach, "snow": _snow}
