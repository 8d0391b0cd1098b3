"""Pairing: nothing is shown more often than it must, nothing is lost, nothing is doubled."""

from collections import Counter

import numpy as np
import pytest

from data.errors import PromptError
from feedback_loop.pairing import pair_up, ring, share_out


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("num_images", [2, 3, 4, 7, 10])
def test_the_ring_meets_every_pair_once(num_images):
    met = [frozenset(pair) for pair in ring(num_images)]
    assert len(met) == len(set(met)) == num_images * (num_images - 1) // 2
    assert all(len(pair) == 2 for pair in met)


def test_neighbours_come_first_so_that_all_images_are_seen_equally():
    first = list(ring(9))[:9]
    assert set(Counter(image for pair in first for image in pair).values()) == {2}


@pytest.mark.parametrize("num_images", [2, 8, 9])
def test_no_image_is_seen_twice_before_all_were_seen(num_images):
    first = list(ring(num_images))[: num_images // 2]
    assert len({image for pair in first for image in pair}) == 2 * len(first)


@pytest.mark.parametrize(("num_images", "num_pairs"), [(600, 600), (37, 20), (6, 3), (2, 1)])
def test_shares_add_up(num_images, num_pairs):
    prompts = [f"p{n}" for n in range(16)]
    shares = share_out(prompts, num_images=num_images, num_pairs=num_pairs, rng=rng())
    assert sum(share.num_images for share in shares) == num_images
    assert sum(share.num_pairs for share in shares) == num_pairs
    assert sum(share.num_across for share in shares) == num_pairs // 2
    assert all(share.num_images >= 2 and share.num_pairs >= 1 for share in shares)
    assert len({share.prompt_id for share in shares}) == len(shares)


def test_fewer_pairs_than_prompts_take_turns_over_the_rounds():
    prompts = [f"p{n}" for n in range(16)]
    used = {
        share.prompt_id
        for seed in range(20)
        for share in share_out(prompts, num_images=8, num_pairs=4, rng=rng(seed))
    }
    assert used == set(prompts)


def test_more_pairs_than_images_can_make_are_refused():
    with pytest.raises(PromptError, match=r"raise generate\.num_images"):
        share_out(["p"], num_images=3, num_pairs=4, rng=rng())


def test_without_earlier_images_all_pairs_are_of_the_newest():
    newest = [f"n{i}" for i in range(5)]
    pairs = pair_up(newest, [], num_pairs=7, num_across=3, rng=rng())
    assert len({frozenset(pair) for pair in pairs}) == 7
    assert {image for pair in pairs for image in pair} == set(newest)


@pytest.mark.parametrize("num_earlier", [1, 3, 20])
def test_half_of_the_pairs_meet_an_earlier_image(num_earlier):
    newest, earlier = [f"n{i}" for i in range(8)], [f"e{i}" for i in range(num_earlier)]
    pairs = pair_up(newest, earlier, num_pairs=12, num_across=6, rng=rng())
    assert len({frozenset(pair) for pair in pairs}) == len(pairs) == 12
    across = [pair for pair in pairs if pair[1] in earlier]
    assert len(across) == 6
    assert all(first in newest for first, _ in pairs)


def test_images_that_met_no_earlier_one_meet_each_other_first():
    newest, earlier = [f"n{i}" for i in range(12)], [f"e{i}" for i in range(4)]
    pairs = pair_up(newest, earlier, num_pairs=8, num_across=4, rng=rng())
    seen = Counter(image for pair in pairs for image in pair)
    assert all(seen[image] == 1 for image in newest)


def test_the_same_arguments_give_the_same_pairs():
    newest, earlier = [f"n{i}" for i in range(8)], ["e0", "e1"]
    first, second = (
        pair_up(newest, earlier, num_pairs=9, num_across=4, rng=rng(3)) for _ in range(2)
    )
    assert first == second
