"""What a comparison says, whichever side an image was on."""

import pytest

from data.rating_statistics.outcomes import (
    MISSING,
    Outcome,
    of_aspect,
    outcome_list,
    outcome_of,
)
from data.records import Aspect


@pytest.mark.parametrize("is_a_left", [True, False])
@pytest.mark.parametrize(
    ("choice", "outcome"),
    [
        ("a", Outcome.PREFERS_A),
        ("b", Outcome.PREFERS_B),
        ("tie", Outcome.TIE),
        ("both_bad", Outcome.BOTH_BAD),
        ("skip", None),
    ],
)
def test_the_outcome_does_not_depend_on_the_side(
    new_pair, new_comparison, choice, outcome, is_a_left
):
    shown = new_pair("p")
    assert outcome_of(new_comparison("ada", shown, choice, is_a_left=is_a_left), shown) is outcome


def test_an_undo_and_a_foreign_comparison_are_refused(new_pair, new_comparison):
    shown, other = new_pair("p"), new_pair("q")
    with pytest.raises(ValueError, match="undo"):
        outcome_of(new_comparison("ada", shown, "undo"), shown)
    with pytest.raises(ValueError, match="expected a comparison of pair q"):
        outcome_of(new_comparison("ada", shown, "a"), other)


def test_what_was_said_is_listed_answer_by_answer(new_pair, new_comparison):
    pairs = {name: new_pair(name, prompt="one") for name in "pq"}
    said = [("ada", "p", "a"), ("bob", "p", "skip"), ("bob", "q", "tie")]
    table = outcome_list([new_comparison(r, pairs[p], c) for r, p, c in said], pairs)
    assert table.outcomes.tolist() == [Outcome.PREFERS_A, MISSING, Outcome.TIE]
    assert (table.pairs.tolist(), table.raters.tolist()) == ([0, 0, 1], [0, 1, 1])
    assert table.prompts.tolist() == [0, 0]
    assert table.counts().tolist() == [[1, 0, 0, 0], [0, 0, 1, 0]]


def test_two_answers_to_one_question_are_refused(new_pair, new_comparison):
    pairs = {"p": new_pair("p")}
    twice = [new_comparison("ada", pairs["p"], choice) for choice in "ab"]
    with pytest.raises(ValueError, match="one comparison a rater, pair and aspect"):
        outcome_list(twice, pairs)


def test_aspects_are_told_apart(new_pair, new_comparison):
    shown = new_pair("p")
    aspects = (Aspect.OVERALL, Aspect.QUALITY)
    both = [new_comparison("ada", shown, "a", aspect=aspect) for aspect in aspects]
    assert of_aspect(both, Aspect.QUALITY) == both[1:]
