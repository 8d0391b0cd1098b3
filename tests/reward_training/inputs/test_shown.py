from dataclasses import replace

import torch

from data.records import Aspect
from reward_training.inputs.dataset import Comparisons
from reward_training.inputs.outcomes import BOTH_BAD, PREFERS_A, PREFERS_B, TIE
from reward_training.inputs.shown import Shown


def batch(rows):
    """Rows of (prompt, image a, image b, outcome)."""
    prompt, image_a, image_b, outcome = torch.tensor(rows).T
    return Comparisons(
        image_a=image_a,
        image_b=image_b,
        prompt=prompt,
        outcome=outcome,
        raters=["r"] * len(rows),
        rater_kinds=["simulated"] * len(rows),
        families=[""] * len(rows),
        rounds=[1] * len(rows),
        by_chance=torch.ones(len(rows), dtype=torch.bool),
        weight=torch.ones(len(rows)),
        aspects=[Aspect.OVERALL] * len(rows),
        images=[str(number) for number in range(20)],
        prompts=[str(number) for number in range(9)],
    )


def test_images_and_prompts_are_numbered_once():
    shown = Shown.of(batch([(7, 11, 4, PREFERS_A), (2, 9, 4, TIE), (7, 4, 5, BOTH_BAD)]))
    assert shown.images.tolist() == [4, 5, 9, 11]
    assert shown.prompts.tolist() == [2, 7]
    assert shown.images[shown.image_a].tolist() == [11, 9, 4]
    assert shown.images[shown.image_b].tolist() == [4, 4, 5]
    assert shown.prompts[shown.prompt].tolist() == [7, 2, 7]


def test_the_preferred_image_and_both_of_a_tie_are_liked():
    shown = Shown.of(batch([(0, 0, 1, PREFERS_A), (0, 2, 3, PREFERS_B), (1, 4, 5, TIE)]))
    assert shown.liking.tolist() == [[1, 0, 0, 1, 0, 0], [0, 0, 0, 0, 1, 1]]


def test_an_image_is_liked_by_the_greatest_weight_of_those_who_preferred_it():
    rows = batch([(0, 0, 1, PREFERS_A), (0, 0, 1, PREFERS_A), (0, 1, 0, PREFERS_A)])
    shown = Shown.of(replace(rows, weight=torch.tensor([0.25, 0.5, 0.125])))
    assert shown.liking.tolist() == [[0.5, 0.125]]


def test_two_bad_images_are_their_prompts_own_and_liked_by_nobody():
    shown = Shown.of(batch([(3, 0, 1, BOTH_BAD), (4, 2, 3, PREFERS_A)]))
    assert shown.is_own.tolist() == [[True, True, False, False], [False, False, True, True]]
    assert shown.liking.sum() == 1


def test_rivals_are_of_other_prompts_and_all_images_have_their_turn():
    rows = [(prompt, 2 * prompt, 2 * prompt + 1, PREFERS_A) for prompt in range(6)]
    used = torch.zeros(12)
    for left_out in range(6):
        shown = Shown.of(batch([row for row in rows if row[0] != left_out]))
        rivals = shown.rivals(2)
        assert (rivals.sum(dim=1) == 2).all()
        assert not (rivals & shown.is_own).any()
        assert torch.equal(rivals, shown.rivals(2))
        used[shown.images] += rivals.sum(dim=0)
    assert (used > 0).all()
    assert used.max() <= 3 * used.min()


def test_where_there_are_too_few_all_are_rivals():
    shown = Shown.of(batch([(0, 0, 1, PREFERS_A), (1, 2, 3, TIE), (1, 3, 1, TIE)]))
    assert torch.equal(shown.rivals(9), ~shown.is_own)
    assert not shown.rivals(0).any()
    assert not Shown.of(batch([(0, 0, 1, PREFERS_A)])).rivals(2).any()
