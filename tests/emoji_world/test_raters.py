import numpy as np
import pytest

from data.records import Aspect, Choice
from emoji_world.judge import Verdict
from emoji_world.raters import SimulatedRater, judgement


def verdict(met: bool, quality: float = 0.9) -> Verdict:
    return Verdict(known=True, met=met, match=float(met), quality=quality)


def test_the_prompt_comes_first_then_the_drawing():
    assert judgement(verdict(True), verdict(False)) == Choice.LEFT
    assert judgement(verdict(False), verdict(True)) == Choice.RIGHT
    assert judgement(verdict(False, 0.9), verdict(False, 0.2)) == Choice.LEFT
    assert judgement(verdict(True), verdict(True)) == Choice.TIE
    assert judgement(verdict(False), verdict(False)) == Choice.BOTH_BAD


def test_swapping_the_sides_swaps_the_judgement():
    swapped = {Choice.LEFT: Choice.RIGHT, Choice.RIGHT: Choice.LEFT}
    options = [verdict(met, quality) for met in (True, False) for quality in (0.1, 0.5, 0.9)]
    for left in options:
        for right in options:
            there, back = judgement(left, right), judgement(right, left)
            assert back == swapped.get(there, there)


def test_flips_come_at_the_stated_rate():
    rater = SimulatedRater(name="s", flip_rate=0.15)
    rng = np.random.default_rng(0)
    wrong = sum(
        rater.choose(verdict(True), verdict(False), rng)[0] == Choice.RIGHT for _ in range(4000)
    )
    assert abs(wrong / 4000 - 0.15) < 4 * np.sqrt(0.15 * 0.85 / 4000)


def test_side_bias_pulls_to_its_side():
    rng = np.random.default_rng(0)
    rater = SimulatedRater(name="s", flip_rate=0.0, side_bias=-0.5)
    right = sum(
        rater.choose(verdict(True), verdict(False), rng)[0] == Choice.RIGHT for _ in range(4000)
    )
    assert abs(right / 4000 - 0.5) < 0.04


def test_impossible_traits_are_refused():
    with pytest.raises(ValueError, match="flip_rate"):
        SimulatedRater(name="s", flip_rate=0.9)
    with pytest.raises(ValueError, match="side_bias"):
        SimulatedRater(name="s", side_bias=2)


@pytest.mark.parametrize(
    ("aspect", "choice"),
    [
        (Aspect.OVERALL, Choice.LEFT),
        (Aspect.ALIGNMENT, Choice.LEFT),
        (Aspect.QUALITY, Choice.RIGHT),
    ],
)
def test_an_aspect_is_judged_by_itself(aspect, choice):
    rater, rng = SimulatedRater(name="s", flip_rate=0.0), np.random.default_rng(0)
    well_matched, well_drawn = verdict(True, 0.1), verdict(False, 0.9)
    assert rater.choose(well_matched, well_drawn, rng, aspect)[0] == choice
    assert rater.choose(verdict(True, 0.9), verdict(True, 0.9), rng, aspect)[0] == Choice.TIE
    only_alignment = rater.choose(verdict(True, 0.1), verdict(True, 0.9), rng, aspect)[0]
    assert only_alignment == (Choice.TIE if aspect is Aspect.ALIGNMENT else Choice.RIGHT)
