import io
from collections import Counter
from dataclasses import replace

import pytest
import torch
from PIL import Image

from data.errors import ImageError, RewardError
from data.records import Aspect, Choice
from data.snapshot import take_snapshot
from reward_training.inputs.dataset import Comparisons, read_images
from reward_training.inputs.outcomes import BOTH_BAD, PREFERS_A, PREFERS_B, TIE

ALL_CHOICES = [Choice.LEFT, Choice.RIGHT, Choice.TIE, Choice.BOTH_BAD, Choice.SKIP]


def with_rows(snapshot, change):
    """A snapshot with changed rows, as only tests can make one."""
    return replace(snapshot, verified_rows=tuple(change(row) for row in snapshot.rows()))


@pytest.fixture(scope="module")
def mixed(tmp_path_factory, plant_workspace):
    answers = iter(ALL_CHOICES * 4)
    prompts = ("a bright dog", "a dark dog", "a bright cat", "a dark cat")
    return take_snapshot(
        plant_workspace(
            tmp_path_factory.mktemp("mixed"),
            prompts,
            pairs_per_prompt=5,
            choose=lambda *_: next(answers),
        )
    )


def test_skips_are_dropped_and_all_else_is_kept(mixed):
    comparisons = Comparisons.from_snapshot(mixed, Aspect.OVERALL)
    assert Counter(comparisons.outcome.tolist()) == {
        PREFERS_A: 4,
        PREFERS_B: 4,
        TIE: 4,
        BOTH_BAD: 4,
    }
    assert comparisons.rater_kinds == ["simulated"] * 16


def test_rows_become_the_images_and_prompts_they_name(mixed):
    comparisons = Comparisons.from_snapshot(mixed, Aspect.OVERALL)
    rows = [row for row in mixed.rows() if row.choice != "skip"]
    for place, row in enumerate(rows):
        assert comparisons.images[comparisons.image_a[place]] == row.image_a
        assert comparisons.images[comparisons.image_b[place]] == row.image_b
        assert comparisons.prompts[comparisons.prompt[place]] == row.prompt


def test_targets_are_the_choices(mixed):
    comparisons = Comparisons.from_snapshot(mixed, Aspect.OVERALL)
    assert torch.equal(comparisons.targets.argmax(dim=1), comparisons.outcome)
    assert torch.equal(comparisons.targets.sum(dim=1), torch.ones(16))


def test_every_picture_is_listed_once(mixed):
    comparisons = Comparisons.from_snapshot(mixed, Aspect.OVERALL)
    images, prompts = comparisons.pictures()
    assert sorted(images.tolist()) == list(range(32))
    rows = {
        comparisons.images[i]: comparisons.prompts[p] for i, p in zip(images, prompts, strict=True)
    }
    assert all(rows[row.image_a] == row.prompt for row in mixed.rows() if row.choice != "skip")


def test_images_are_read_in_order_as_colours_from_zero_to_one(snapshot):
    keys = Comparisons.from_snapshot(snapshot, Aspect.OVERALL).images[:3]
    images = list(read_images(snapshot, keys))
    assert [image.shape for image in images] == [(3, 16, 16)] * 3
    assert all(0 <= image.min() <= image.max() <= 1 for image in images)
    assert torch.equal(images[1], next(read_images(snapshot, keys[1:])))


def test_a_photograph_is_read_as_browsers_show_it(snapshot, monkeypatch):
    lying, exif, file = Image.new("RGB", (6, 4), "red"), Image.Exif(), io.BytesIO()
    exif[0x0112] = 6  # Orientation: to be turned by a quarter
    lying.save(file, "JPEG", exif=exif)
    monkeypatch.setattr(type(snapshot), "image_bytes", lambda *_: file.getvalue())
    (pixels,) = read_images(snapshot, ["photograph"])
    assert pixels.shape == (3, 6, 4)


def test_comparisons_on_unseen_prompts_are_left_out(mixed):
    half = with_rows(
        mixed, lambda row: replace(row, split="unseen") if "dark" in row.prompt else row
    )
    comparisons = Comparisons.from_snapshot(half, Aspect.OVERALL)
    assert comparisons.prompts == ["a bright cat", "a bright dog"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda row: replace(row, aspect=Aspect.QUALITY), "no comparisons on overall"),
        (lambda row: replace(row, split="unseen"), "no comparisons on overall"),
        (lambda row: replace(row, choice="skip"), "were skipped"),
        (lambda row: replace(row, choice="tie"), "are ties or both bad"),
        (lambda row: replace(row, choice="both_bad"), "are ties or both bad"),
        (lambda row: replace(row, prompt="a dog"), "at least 2 prompts"),
        (
            lambda row: replace(row, choice="a" if row.prompt == "a dark cat" else "tie"),
            "at least 2 prompts",
        ),
    ],
)
def test_comparisons_that_teach_nothing_are_refused_in_one_line(mixed, change, message):
    with pytest.raises(RewardError, match=message) as caught:
        Comparisons.from_snapshot(with_rows(mixed, change), Aspect.OVERALL)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_picture_is_named(tmp_path, plant_workspace):
    workspace = plant_workspace(tmp_path, pairs_per_prompt=1)
    sha256 = workspace.save_image(b"\x89PNG\r\n\x1a\nnothing IEND\xaeB`\x82")
    with pytest.raises(ImageError, match=sha256[:12]):
        list(read_images(take_snapshot(workspace), [sha256]))
