import numpy as np
import pytest

from emoji_world.grammar import PLAIN, Scene, Thing, parse
from emoji_world.scenes import (
    CORRUPTED_SHARE,
    corrupt,
    draw,
    is_rare,
    random_scene,
    training_caption,
    training_scene,
    true_claim,
)
from emoji_world.sprites import FONT, load_sheet

needs_font = pytest.mark.skipif(not FONT.is_file(), reason="needs Debian's fonts-noto-color-emoji")


def test_the_papers_prompts_are_rare():
    assert is_rare(Scene((Thing("rabbit", "green"),)))
    assert is_rare(Scene((Thing("wolf"),) * 4))
    assert is_rare(Scene((Thing("dog"), Thing("cat"))))
    assert is_rare(Scene((Thing("dog"),), "moon"))


def test_training_shows_rare_scenes_seldom():
    rng = np.random.default_rng(0)
    drawn = np.mean([is_rare(random_scene(rng)) for _ in range(3000)])
    kept = np.mean([is_rare(training_scene(rng)) for _ in range(3000)])
    assert 0.15 < drawn < 0.4
    assert kept < drawn / 2.5


def test_corruption_always_changes_the_claim():
    rng = np.random.default_rng(0)
    for _ in range(500):
        claim = true_claim(random_scene(rng))
        assert corrupt(claim, rng) != claim


def test_captions_are_wrong_at_the_stated_rate():
    rng = np.random.default_rng(0)
    wrong = 0
    for _ in range(3000):
        scene = training_scene(rng)
        claim = parse(training_caption(scene, rng))
        wrong += claim != true_claim(scene)
    assert abs(wrong / 3000 - CORRUPTED_SHARE) < 0.04


@needs_font
def test_a_scene_is_drawn_from_its_generator_alone():
    sheet = load_sheet()
    scene = Scene((Thing("cat"), Thing("dog")), "beach")
    first, again = (draw(scene, sheet, np.random.default_rng(3)) for _ in range(2))
    other = draw(scene, sheet, np.random.default_rng(4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert first.shape == (64, 64, 3)
    assert 0 <= first.min() <= first.max() <= 1


@needs_font
def test_a_plain_ground_is_near_white():
    sheet = load_sheet()
    image = draw(Scene((Thing("cat"),), PLAIN), sheet, np.random.default_rng(0))
    assert image[0, 0].min() > 0.9
