import pytest

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
    ["", "a portrait of a queen", "🐺🐺", "green", "four wolves and four dogs", "x" * 10_000],
)
def test_other_prompts_are_unknown(prompt):
    assert parse(prompt) is None
