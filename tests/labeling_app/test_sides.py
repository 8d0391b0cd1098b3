from data.records import Pair
from labeling_app.sides import left_image, other_image

PAIRS = [Pair.new(round=1, prompt_id="p", image_a=f"a{i}", image_b=f"b{i}") for i in range(1000)]


def test_a_side_is_stable_for_a_rater_and_a_pair():
    assert [left_image(p, "ada") for p in PAIRS] == [left_image(p, "ada") for p in PAIRS]


def test_sides_are_balanced():
    num_a_left = sum(left_image(pair, "ada") == pair.image_a for pair in PAIRS)
    assert 420 < num_a_left < 580  # five standard deviations around 500


def test_sides_of_two_raters_are_unrelated():
    num_same = sum(left_image(pair, "ada") == left_image(pair, "bob") for pair in PAIRS)
    assert 420 < num_same < 580


def test_both_images_are_shown():
    for pair in PAIRS:
        left = left_image(pair, "ada")
        assert {left, other_image(pair, left)} == {pair.image_a, pair.image_b}
