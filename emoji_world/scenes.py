"""Scenes drawn from sprites, and the random scenes and captions that the models learn from."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from emoji_world.grammar import (
    COLOURS,
    NATURAL_COLOUR,
    NOUNS,
    PLACES,
    PLAIN,
    Claim,
    Scene,
    Thing,
    caption,
)  # fmt: skip
from emoji_world.sprites import SIZE, SpriteSheet

CORRUPTED_SHARE = 0.4
"""Part of the training captions with one attribute wrong, as the captions of the web are."""

RARE_KEPT = 0.15
"""How often a rare combination is kept: what is rare in training is what the model gets wrong."""

RARE_SHARE = 0.25

WRAPPERS = ("a photo of {}", "a picture of {}", "an emoji of {}", "the emoji of {}")

_SPOTS = {
    1: [(32, 36)],
    2: [(17, 36), (47, 36)],
    3: [(32, 17), (17, 46), (47, 46)],
    4: [(17, 17), (47, 17), (17, 47), (47, 47)],
}
_SIZES = {
    1: (40, 42, 44, 46),
    2: (28, 29, 30),
    3: (26, 27, 28),
    4: (26, 27, 28),
    5: (20, 22),
    6: (20, 22),
}
_CROWD = 4

Spoil = Callable[[NDArray[np.float32], str], NDArray[np.float32]]


def draw(
    scene: Scene,
    sheet: SpriteSheet,
    rng: np.random.Generator,
    *,
    free: bool = False,
    spoil: Spoil | None = None,
) -> Float[np.ndarray, "64 64 3"]:
    """Draw a scene as RGB in [0, 1].

    Args:
        scene: what to draw.
        sheet: the sprites.
        rng: of sizes, jitter, mirroring and the variant of the ground.
        free: scatter the things instead of using the grid.
        spoil: redraws each sprite, given its noun (the judge learns junk from it).
    """
    grounds = sheet.grounds[scene.place]
    canvas = grounds[rng.integers(len(grounds))].copy()
    number = len(scene.things)
    jitter = 3 if number == 1 else 2
    for thing, (x, y) in zip(scene.things, _spots(number, rng, free=free), strict=True):
        size = int(rng.choice(_SIZES[number]))
        sprite = sheet.sprites[thing.noun, thing.colour, size]
        sprite = spoil(sprite, thing.noun) if spoil else sprite
        if rng.random() < 0.5:
            sprite = sprite[:, ::-1]
        dx, dy = rng.integers(-jitter, jitter + 1, size=2)
        _paste(canvas, sprite, int(x + dx) - size // 2, int(y + dy) - size // 2)
    return canvas


def _spots(number: int, rng: np.random.Generator, *, free: bool) -> list[tuple[int, int]]:
    if number <= _CROWD and (not free or number == 1):
        spots = _SPOTS[number]
        return [spots[i] for i in rng.permutation(number)]
    apart = 23 if number <= _CROWD else 18
    edge = 14 if number <= _CROWD else 11
    chosen: list[tuple[int, int]] = []
    while len(chosen) < number:
        x, y = (int(v) for v in rng.integers(edge, SIZE - edge + 1, size=2))
        if all(abs(x - a) > apart or abs(y - b) > apart for a, b in chosen):
            chosen.append((x, y))
        elif rng.random() < 0.02:  # a corner was taken badly: begin again
            chosen.clear()
    return chosen


def _paste(canvas: NDArray[np.float32], sprite: NDArray[np.float32], left: int, top: int) -> None:
    size = sprite.shape[0]
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + size, SIZE), min(top + size, SIZE)
    part = sprite[y0 - top : y1 - top, x0 - left : x1 - left]
    alpha = part[..., 3:]
    canvas[y0:y1, x0:x1] = part[..., :3] * alpha + canvas[y0:y1, x0:x1] * (1 - alpha)


def random_scene(rng: np.random.Generator) -> Scene:
    """Draw a scene from all families and their combinations, evenly over what can be asked."""
    kind = rng.choice(
        ["color", "count", "composition", "location", "mixed"], p=[0.2, 0.25, 0.25, 0.2, 0.1]
    )
    place = (
        str(rng.choice(list(PLACES)))
        if kind == "location" or (kind == "mixed" and rng.random() < 0.7)
        else PLAIN
    )
    first, second = (str(noun) for noun in rng.choice(NOUNS, size=2, replace=False))
    colour = (
        str(rng.choice(COLOURS))
        if kind == "color" or (kind == "mixed" and rng.random() < 0.5)
        else None
    )
    if kind == "composition" or (kind == "mixed" and rng.random() < 0.4):
        return Scene((Thing(first, colour), Thing(second)), place)
    if kind == "count" or (kind == "mixed" and rng.random() < 0.5):
        return Scene((Thing(first, colour),) * int(rng.integers(1, 5)), place)
    return Scene((Thing(first, colour),), place)


def is_rare(scene: Scene) -> bool:
    """Tell whether a combination belongs to the quarter that training seldom shows.

    The paper's four prompts are among them. The choice is a fixed property of the world, not of
    a seed: a quarter of the colour-noun, count-noun, noun-noun and noun-place pairs.
    """
    return any(pair in RARE_PAIRS for pair in _pairs(scene))


def _pairs(scene: Scene) -> list[tuple[str, str]]:
    nouns = [thing.noun for thing in scene.things]
    pairs = [(thing.colour, thing.noun) for thing in scene.things if thing.colour]
    if scene.place != PLAIN:
        pairs += [(scene.place, noun) for noun in nouns]
    if len(set(nouns)) == 2:
        pairs.append((min(nouns), max(nouns)))
    elif len(nouns) > 1:
        pairs.append((str(len(nouns)), nouns[0]))
    return pairs


def _rare_pairs() -> frozenset[tuple[str, str]]:
    everything = [
        [
            (colour, noun)
            for colour in COLOURS
            for noun in NOUNS
            if NATURAL_COLOUR.get(noun) != colour
        ],
        [(str(count), noun) for count in (2, 3, 4) for noun in NOUNS],
        [(a, b) for a in NOUNS for b in NOUNS if a < b],
        [(place, noun) for place in PLACES for noun in NOUNS],
    ]
    rng = np.random.default_rng(2305)
    chosen = {("green", "rabbit"), ("4", "wolf"), ("cat", "dog"), ("moon", "dog")}
    for group in everything:
        order = rng.permutation(len(group))[: round(len(group) * RARE_SHARE)]
        chosen |= {group[i] for i in order}
    return frozenset(chosen)


RARE_PAIRS = _rare_pairs()


def training_scene(rng: np.random.Generator) -> Scene:
    """Draw a scene as the training set holds it: rare combinations are seldom kept."""
    while True:
        scene = random_scene(rng)
        if not is_rare(scene) or rng.random() < RARE_KEPT:
            return scene


def true_claim(scene: Scene) -> Claim:
    """State all of a scene; a plain ground goes unsaid."""
    return Claim(scene.things, None if scene.place == PLAIN else scene.place)


def corrupt(claim: Claim, rng: np.random.Generator) -> Claim:
    """Make one attribute of a claim wrong: a colour, a count, a noun or the place."""
    options = ["noun"]
    options += ["colour"] if claim.colours else []
    options += ["place"] if claim.place else []
    options += ["count"] if len(claim.counts) == 1 else []
    kind = str(rng.choice(options))
    if kind == "place":
        return Claim(claim.things, _other(claim.place, tuple(PLACES), rng))
    if kind == "count":
        count = int(_other(str(len(claim.things)), ("1", "2", "3", "4"), rng))
        return Claim(claim.things[:1] * count, claim.place)
    changed = claim.things[int(rng.integers(len(claim.things)))]
    if kind == "colour":
        changed = next(thing for thing in claim.things if thing.colour)
        new = Thing(changed.noun, _other(changed.colour, COLOURS, rng))
    else:
        new = Thing(_other(changed.noun, NOUNS, rng), changed.colour)
    return Claim(tuple(new if thing == changed else thing for thing in claim.things), claim.place)


def _other(current: str | None, options: tuple[str, ...], rng: np.random.Generator) -> str:
    return str(rng.choice([option for option in options if option != current]))


def training_caption(scene: Scene, rng: np.random.Generator) -> str:
    """Write the caption of a training image: often partly wrong, sometimes wrapped."""
    claim = true_claim(scene)
    if rng.random() < CORRUPTED_SHARE:
        claim = corrupt(claim, rng)
    text = caption(claim, say_one=rng.random() < 0.3)
    return str(rng.choice(WRAPPERS)).format(text) if rng.random() < 0.1 else text


def family_prompts(family: str) -> list[str]:
    """List every plain prompt of a family; no thing is asked for in its natural colour."""
    return [caption(claim) for claim in _family_claims(family)]


def _family_claims(family: str) -> list[Claim]:
    if family == "color":
        return [
            Claim((Thing(noun, colour),))
            for colour in COLOURS
            for noun in NOUNS
            if NATURAL_COLOUR.get(noun) != colour
        ]
    if family == "count":
        return [Claim((Thing(noun),) * number) for number in (2, 3, 4) for noun in NOUNS]
    if family == "composition":
        return [Claim((Thing(a), Thing(b))) for a in NOUNS for b in NOUNS if a < b]
    return [Claim((Thing(noun),), place) for place in PLACES for noun in NOUNS]
