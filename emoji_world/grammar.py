"""What can stand in a scene, what a prompt claims about it, and the captions between the two.

A scene is a handful of things (a noun, perhaps a colour) in a place. A claim is the part of a
scene that a prompt states: "a green rabbit" claims one green rabbit and nothing about the place.
The judge checks claims; the tiny text-to-image model is trained on captions, which are claims
about drawn scenes, some of them wrong on purpose.
"""

import re
from collections import Counter
from dataclasses import dataclass

NOUNS = ("dog", "cat", "rabbit", "wolf", "frog", "bird", "apple", "car")
PLURALS = {
    "dog": "dogs", "cat": "cats", "rabbit": "rabbits", "wolf": "wolves",
    "frog": "frogs", "bird": "birds", "apple": "apples", "car": "cars",
}  # fmt: skip
COLOURS = ("red", "green", "blue", "yellow", "purple", "orange")
COUNTS = ("one", "two", "three", "four")
PLACES = {
    "park": "in the park",
    "moon": "on the moon",
    "beach": "on the beach",
    "snow": "in the snow",
}
PLAIN = "plain"
FAMILIES = ("color", "count", "composition", "location")

NATURAL_COLOUR = {"frog": "green", "bird": "blue", "apple": "red", "car": "red", "cat": "yellow"}
"""The colour that a thing has without being told: a green frog needs no paint."""

MAX_THINGS = 4

_SINGULAR = {plural: noun for noun, plural in PLURALS.items()}
_FILLER = {
    "a",
    "an",
    "the",
    "of",
    "in",
    "on",
    "and",
    "colored",
    "coloured",
    "photo",
    "picture",
    "emoji",
}
_KINDS = {
    word: kind
    for kind, words in (("count", COUNTS), ("colour", COLOURS), ("place", PLACES))
    for word in words
}


@dataclass(frozen=True, slots=True, order=True)
class Thing:
    """One object: a noun, and its paint or None for its natural look."""

    noun: str
    colour: str | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that is drawn: one to four things in a place."""

    things: tuple[Thing, ...]
    place: str = PLAIN


@dataclass(frozen=True, slots=True)
class Claim:
    """What a prompt states: how many of which things in which colour, and where (None: unsaid)."""

    things: tuple[Thing, ...]
    place: str | None = None

    @property
    def counts(self) -> Counter[str]:
        """How many of each noun the prompt asks for."""
        return Counter(thing.noun for thing in self.things)

    @property
    def colours(self) -> dict[str, str]:
        """The colour asked for, by noun; a noun without one is missing."""
        return {thing.noun: thing.colour for thing in self.things if thing.colour}

    @property
    def family(self) -> str:
        """The capability the prompt asks for first, in the paper's four families."""
        if len(self.counts) > 1:
            return "composition"
        if len(self.things) > 1:
            return "count"
        if self.colours:
            return "color"
        return "location" if self.place else "count"


def article(word: str) -> str:
    """Put the indefinite article before a word."""
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"


def phrase(noun: str, count: int, colour: str | None, *, say_one: bool = False) -> str:
    """Name a group of equal things: "a green rabbit", "four wolves", "one apple"."""
    words = f"{colour} " if colour else ""
    if count == 1:
        return f"one {words}{noun}" if say_one else article(f"{words}{noun}")
    return f"{COUNTS[count - 1]} {words}{PLURALS[noun]}"


def caption(claim: Claim, *, say_one: bool = False) -> str:
    """Write the claim in words, groups in the order in which they first appear."""
    groups: dict[Thing, int] = {}
    for thing in claim.things:
        groups[thing] = groups.get(thing, 0) + 1
    parts = [phrase(t.noun, n, t.colour, say_one=say_one) for t, n in groups.items()]
    text = " and ".join(parts)
    return f"{text} {PLACES[claim.place]}" if claim.place else text


def parse(prompt: str) -> Claim | None:
    """Read a prompt of the grammar; None for anything else, which the judge cannot know.

    Case, a full stop, "colored" and wrappers such as "a photo of" are ignored, so that the
    paper's own wording ("A green colored rabbit.") is understood. Where a word would be lost, as
    the colour in "a dog green", or a noun has two looks, a claim cannot say what the prompt does.
    """
    things: list[Thing] = []
    said: dict[str, str] = {}
    for word in re.findall(r"\w+", prompt.lower()):
        noun = _SINGULAR.get(word, word)
        if noun in NOUNS:
            count = COUNTS.index(said.pop("count", COUNTS[0])) + 1
            things += [Thing(noun, said.pop("colour", None))] * count
        elif (kind := _KINDS.get(word)) and kind not in said:
            said[kind] = word
        elif word not in _FILLER:
            return None
    place = said.pop("place", None)
    has_one_look_each = len(set(things)) == len({thing.noun for thing in things})
    is_whole = 1 <= len(things) <= MAX_THINGS and has_one_look_each and not said
    return Claim(tuple(things), place) if is_whole else None


def vocabulary() -> tuple[str, ...]:
    """List every word of the grammar and of the wrappers around it."""
    words = [*NOUNS, *PLURALS.values(), *COLOURS, *COUNTS, *PLACES, *sorted(_FILLER)]
    return tuple(dict.fromkeys(words))
