"""Statistics over measured images: identities that hold for any numbers."""

import numpy as np
import pytest

from feedback_loop.measurements import MeasuredImage
from feedback_loop.statistics import estimate, gain, order_accuracy


def image(prompt, seed, *, met=True, reward=0.0, clip=0.0, policy="base"):
    return MeasuredImage(
        policy=policy,
        image_id=f"{policy}{prompt}{seed}",
        sha256="0" * 64,
        prompt_id=prompt,
        prompt=prompt,
        family="count",
        split="train",
        seed=seed,
        met=met,
        quality=1.0,
        reward=reward,
        clip=clip,
        distance=0.1,
    )


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    return [
        image(f"p{p}", s, met=bool(rng.random() < 0.5), reward=rng.normal(), clip=rng.normal())
        for p in range(6)
        for s in range(8)
    ]


def met(image):
    return image.met


def test_a_share_lies_in_its_interval(images):
    found = estimate(images, met)
    assert found.value == pytest.approx(np.mean([i.met for i in images]))
    assert found.low <= found.value <= found.high


def test_unknown_values_are_left_out():
    known = [image("a", 0, met=True), image("b", 0, met=False)]
    unknown = [image("c", 0, met=None)]
    assert estimate(known + unknown, met) == estimate(known, met)
    assert estimate(unknown, met) is None
    assert estimate([], met) is None


def test_one_prompt_alone_has_no_interval():
    assert estimate([image("a", 0), image("a", 1)], met).interval is None


def of_prompts(*shares, num=16, policy="base"):
    """Return images of as many prompts as there are shares of images that meet their prompt."""
    return [
        image(f"p{p}", s, met=bool(s < share * num), reward=share, policy=policy)
        for p, share in enumerate(shares)
        for s in range(num)
    ]


def test_two_prompts_that_are_alike_leave_a_share_and_its_gain_uncertain():
    before, after = of_prompts(0.25, 0.25), of_prompts(0.5, 0.5, policy="round-1")
    share, more = estimate(after, met), gain(before, after, met)
    assert share.value == 0.5
    assert 0 <= share.low < 0.4 < 0.6 < share.high <= 1
    assert more.value == 0.25
    assert -1 <= more.low < 0.1 < 0.4 < more.high <= 1


def test_of_two_prompts_an_interval_reaches_far_beyond_their_means():
    found = estimate(of_prompts(0.375, 0.625), met)
    assert 0 <= found.low < 0.25
    assert 0.75 < found.high <= 1


def test_few_means_have_the_interval_of_student():
    found = estimate(of_prompts(1, 2, 4), lambda i: i.reward)
    reach = 4.302653 * np.std([1, 2, 4], ddof=1) / np.sqrt(3)
    assert found.interval == pytest.approx([7 / 3 - reach, 7 / 3 + reach], rel=1e-5)


@pytest.mark.parametrize("num_prompts", [2, 9])
def test_equal_means_of_no_bounds_have_no_interval(num_prompts):
    found = estimate(of_prompts(*[0.1] * num_prompts), lambda i: i.reward)
    assert (found.value, found.interval) == (pytest.approx(0.1), None)


@pytest.mark.parametrize("num_prompts", [2, 4])
def test_nine_in_ten_intervals_of_few_prompts_hold_the_truth(num_prompts):
    rng = np.random.default_rng(0)
    held = []
    for _ in range(200):
        before, after = (of_prompts(*rng.beta(1.5, 1.5, num_prompts), policy=p) for p in "ab")
        low, high = gain(before, after, met).interval
        held.append(low <= 0 <= high)
    assert np.mean(held) > 0.9


def test_gains_are_paired_by_prompt_and_seed(images):
    assert gain(images, images, met).value == 0
    assert gain(images, images, met).interval is None, "a policy against itself: nothing to show"
    forth = gain(images[:20], list(reversed(images)), lambda i: i.reward)
    assert forth.value == 0, "images without a partner do not count"


def test_the_gain_is_the_difference_of_the_shares(images):
    after = [image(i.prompt_id, i.seed, met=True, policy="round-1") for i in images]
    difference = estimate(after, met).value - estimate(images, met).value
    assert gain(images, after, met).value == pytest.approx(difference)


def test_a_reward_that_is_the_truth_orders_all_pairs_and_its_opposite_none():
    images = [
        image(f"p{p}", s, met=s % 2 == 0, reward=float(s % 2 == 0), clip=float(s % 2))
        for p in range(3)
        for s in range(4)
    ]
    found = order_accuracy(images)
    assert found.num_pairs == 3 * 2 * 2
    assert (found.reward.value, found.clip.value, found.gain.value) == (1, 0, 1)


def test_equal_rewards_count_half_and_pairs_never_cross_prompts():
    images = [image("a", 0, met=True), image("a", 1, met=False), image("b", 0, met=False)]
    found = order_accuracy(images)
    assert found.num_pairs == 1
    assert found.reward.value == 0.5


def test_without_contrast_or_reward_there_is_nothing_to_order():
    assert order_accuracy([image("a", 0), image("a", 1)]) is None
    assert order_accuracy([image("a", 0, reward=None), image("a", 1, met=False)]) is None
