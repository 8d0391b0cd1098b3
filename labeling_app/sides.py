"""Which image of a pair stands on the left: random per rater and pair, and then always the same."""

from data.files import digest
from data.records import Pair


def left_image(pair: Pair, rater_id: str, *, is_repeat: bool = False) -> str:
    """Return the id of the image that this rater sees on the left; the second time the other."""
    is_a_left = int(digest(["side", rater_id, pair.pair_id]), 16) % 2 == 0
    return pair.image_a if is_a_left != is_repeat else pair.image_b


def other_image(pair: Pair, image_id: str) -> str:
    """Return the id of the pair's other image."""
    return pair.image_b if image_id == pair.image_a else pair.image_a
