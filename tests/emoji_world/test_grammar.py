import pytest

from data.prompts import load_prompt_set
from emoji_world.grammar import FAMILIES, Claim, Thing, caption, parse
from emoji_world.scenes import family_prompts


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_prompt_is_read_as_what_it_says(family):
    for text in family_prompts(family):
        claim = parse(text)
        assert claim is not None
        assert claim.family == family
        assert caption(claim) == text


@pytest.mark.parametrize(
    ("prompt", "claim"),
    [
        ("A green colored rabbit.", Claim((Thing("rabbit", "green"),))),
        ("Four wolves in the park.", Claim((Thing("wolf"),) * 4, "park")),
        ("A cat and a dog.", Claim((Thing("cat"), Thing("dog")))),
        ("A dog on the moon.", Claim((Thing("dog"),), "moon")),
        (
            "a photo of two red cars and an apple",
            Claim((Thing("car", "red"), Thing("car", "red"), Thing("apple"))),
        ),
        ("one frog", Claim((Thing("frog"),))),
    ],
)
def test_wordings_of_one_claim(prompt, claim):
    assert parse(prompt) == claim


@pytest.mark.parametrize(
    "prompt",
    [
        "a red dog and a blue dog",
        "a dog and a red dog",
        "two red dogs and a blue dog",
        "a dog green",
        "a dog on the red moon",
        "a red blue dog",
        "two three dogs",
        "two",
        "a dog in the park on the moon",
    ],
)
def test_what_a_claim_cannot_say_is_unknown(prompt):
    assert parse(prompt) is None


def test_things_of_one_look_may_come_apart():
    assert parse("a red dog, a cat and two red dogs") == Claim(
        (Thing("dog", "red"), Thing("cat"), Thing("dog", "red"), Thing("dog", "red"))
    )


@pytest.mark.parametrize("name", ["emoji", "emoji-many", "emoji-paper", "paper"])
def test_every_shipped_prompt_of_the_world_is_read_as_what_it_says(name):
    for prompt in load_prompt_set(name):
        claim = parse(prompt.text)
        assert claim is not None, prompt.text
        plain = prompt.text.lower().removesuffix(".").replace("colored ", "")
        assert plain in (caption(claim), caption(claim, say_one=True))
        assert claim.family == prompt.family


@pytest.mark.parametrize("name", ["coco-style", "drawbench-style"])
def test_shipped_prompts_of_other_worlds_are_unknown(name):
    assert [prompt.text for prompt in load_prompt_set(name) if parse(prompt.text)] == []


@pytest.mark.parametrize(
    "prompt",
    ["", "a portrait of a queen", "🐺🐺", "green", "four wolves and four dogs", "x" * 10_000],
)
def test_other_prompts_are_unknown(prompt):
    assert parse(prompt) is None
