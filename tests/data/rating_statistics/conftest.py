"""Comparisons by short words, for statistics that need no store."""

from collections.abc import Callable

import pytest

from data.records import Aspect, Choice, Comparison, Pair


def pair(name: str, prompt: str = "", policies: str = "ab") -> Pair:
    first, second = (f"{policy}{n}-{name}" for n, policy in enumerate(policies))
    return Pair(pair_id=name, round=1, prompt_id=prompt or name, image_a=first, image_b=second)


def compare(
    rater: str,
    of: Pair,
    choice: str,
    *,
    is_a_left: bool = True,
    milliseconds: int = 2000,
    aspect: Aspect = Aspect.OVERALL,
) -> Comparison:
    """Choose "a", "b", or what a `Choice` says."""
    sides = {"a": "left", "b": "right"} if is_a_left else {"a": "right", "b": "left"}
    return Comparison.new(
        pair_id=of.pair_id,
        rater_id=rater,
        choice=Choice(sides.get(choice, choice)),
        shown_left=of.image_a if is_a_left else of.image_b,
        milliseconds=milliseconds,
        aspect=aspect,
    )


@pytest.fixture
def new_pair() -> Callable[..., Pair]:
    return pair


@pytest.fixture
def new_comparison() -> Callable[..., Comparison]:
    return compare
