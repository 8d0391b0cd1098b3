"""Generating: seeded, resumable, nothing doubled."""

import shutil
from collections import Counter
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from data.config_file import dump_yaml
from data.errors import ConfigError, ImageError, PromptError, UnknownRecord, WorkspaceError
from data.records import IMPORTED, Policy
from feedback_loop.comparing import compare_policies
from feedback_loop.drawing import Artist, Wanted
from feedback_loop.generate import generate, policy_of_round
from feedback_loop.loop import Loop, create_loop, open_loop
from feedback_loop.measure import measure_policies
from feedback_loop.redrawing import redraw_lost
from feedback_loop.seeds import measure_seeds
from feedback_loop.world import is_same_base
from rl_finetune import gallery


def test_a_round_gets_its_pairs_of_trained_prompts_only(loop):
    noted = generate(loop, 1)
    pairs, images = loop.store.pairs(1), loop.store.images(round=1)
    assert noted == {
        "policy": "base",
        "num_images": 20,
        "num_pairs": 20,
        "chosen_by": "chance",
    }
    assert (len(pairs), len(images)) == (20, 20)
    trained = {prompt.prompt_id for prompt in loop.prompts("train")}
    prompt_of = {image.image_id: image.prompt_id for image in images}
    for pair in pairs:
        assert pair.prompt_id in trained
        assert prompt_of[pair.image_a] == prompt_of[pair.image_b] == pair.prompt_id
    seen = Counter(image for pair in pairs for image in (pair.image_a, pair.image_b))
    assert set(seen.values()) == {2}


def test_again_changes_nothing(loop):
    generate(loop, 1)
    before = loop.store.pairs(), loop.store.images()
    generate(loop, 1)
    assert (loop.store.pairs(), loop.store.images()) == before


def test_cut_short_it_goes_on_to_the_same_end(loop, tmp_path, monkeypatch):
    generate(loop, 1)
    other = create_loop(tmp_path / "other", loop.config)
    drawn = Artist._draw_batch

    def draw_once(self, batch, number):
        if other.store.images():
            raise KeyboardInterrupt
        return drawn(self, batch, number)

    monkeypatch.setattr(Artist, "_draw_batch", draw_once)
    with pytest.raises(KeyboardInterrupt):
        generate(other, 1)
    monkeypatch.undo()
    assert 0 < len(other.store.images()) < 20
    generate(other, 1)
    for listed in ("images", "pairs"):
        whole, resumed = (
            {replace(r, created_at=datetime.min) for r in getattr(each.store, listed)()}
            for each in (loop, other)
        )
        assert whole == resumed


def test_pairs_are_there_as_soon_as_their_images_are(loop, monkeypatch):
    compared_early = []
    add_images = type(loop.store).add_images

    def spy(self, images):
        compared_early.append(len(self.pairs()))
        add_images(self, images)

    monkeypatch.setattr(type(loop.store), "add_images", spy)
    generate(loop, 1)
    assert compared_early[0] == 0
    assert 0 < compared_early[-1] < 20


def test_a_lost_file_is_drawn_again(loop):
    generate(loop, 1)
    image = loop.store.images()[0]
    original = loop.workspace.read_image(image.sha256)
    loop.workspace.image_path(image.sha256).unlink()
    generate(loop, 1)
    assert loop.workspace.read_image(image.sha256) == original


@pytest.mark.parametrize("again", [lambda loop: generate(loop, 1), redraw_lost])
def test_the_record_of_a_lost_file_follows_what_is_drawn_in_its_place(loop, again, monkeypatch):
    """What is beside it in a batch makes other rounding; a darker picture stands for that here."""
    generate(loop, 1)
    before = loop.store.images()
    for image in before[1:4]:
        loop.workspace.image_path(image.sha256).unlink()
    exact = gallery.to_png
    monkeypatch.setattr(gallery, "to_png", lambda pixels: exact(pixels * 0.9))
    pairs = loop.store.pairs()
    again(loop)
    now = loop.store.images()
    for old, new in zip(before, now, strict=True):
        assert loop.workspace.read_image(new.sha256)
        assert replace(new, sha256=old.sha256) == old
    assert sum(old != new for old, new in zip(before, now, strict=True)) == 3
    assert loop.store.pairs() == pairs


def test_what_cannot_be_drawn_the_same_stays_missing(loop):
    generate(loop, 1)
    image = loop.store.images()[0]
    loop.workspace.image_path(image.sha256).unlink()
    sampling = replace(loop.config.sampling, num_steps=2)
    other = replace(loop.config, tune=replace(loop.config.tune, sampling=sampling))
    redraw_lost(Loop(loop.workspace, other))
    assert loop.store.image(image.image_id) == image
    with pytest.raises(ImageError, match="unless it was imported or the settings have changed"):
        loop.workspace.read_image(image.sha256)


def test_the_base_of_a_workspace_stays_its_base(loop, tmp_path, monkeypatch):
    root, config = loop.workspace.root, loop.config
    other = replace(config, base=str(shutil.copytree(config.base, tmp_path / "other")))
    for refused in (
        other,
        replace(config, base="hub/model"),
        replace(config, world="emoji", base=""),
    ):
        with pytest.raises(WorkspaceError, match="put base back"):
            open_loop(root, refused)
    monkeypatch.chdir(Path(config.base).parent)
    open_loop(root, replace(config, base=f"../{Path(config.base).parent.name}/base"))
    dump_yaml(other, loop.workspace.config_path)
    with pytest.raises(WorkspaceError, match="put base back"):
        create_loop(root, other)


@pytest.mark.parametrize(
    ("recorded", "now", "is_same"),
    [
        ("/gone/models/sd", "/moved/sd", True),
        ("/gone/models/sd", "/moved/other", False),
        ("/gone/a/emoji_world/weights/base", "/b/emoji_world/weights/base", True),
        ("ours/sd", "theirs/sd", False),
        ("ours/sd", "ours/sd", True),
    ],
)
def test_a_base_that_was_moved_is_known_by_its_name(recorded, now, is_same):
    assert is_same_base(recorded, now) is is_same


def test_an_image_depends_on_its_own_seed_alone(loop):
    prompt = loop.prompts()[0]
    seeds = measure_seeds(loop.config)
    artist = Artist(loop, loop.store.policy("base"))
    alone = artist.draw([Wanted(prompt, seeds[1])], number=1, purpose="")[0]
    smaller = replace(
        loop.config,
        tune=replace(loop.config.tune, sampling=replace(loop.config.sampling, batch_size=3)),
    )
    together = Artist(Loop(loop.workspace, smaller), loop.store.policy("base")).draw(
        [Wanted(prompt, seed) for seed in seeds], number=1, purpose=""
    )
    assert together[1] == alone


def test_a_later_round_sets_the_newest_against_the_one_before(loop):
    generate(loop, 1)
    newer = Policy(name="round-1", base=loop.store.policy("base").base, parent="base", round=1)
    loop.store.add_policy(newer)
    assert policy_of_round(loop, 2) == newer
    assert policy_of_round(loop, 1).name == "base"
    generate(loop, 2)
    policy_of = {image.image_id: image.policy for image in loop.store.images()}
    meetings = Counter(
        tuple(sorted((policy_of[pair.image_a], policy_of[pair.image_b])))
        for pair in loop.store.pairs(2)
    )
    assert meetings[("base", "round-1")] == meetings[("round-1", "round-1")] == 10


def test_an_imported_policy_draws_nothing_under_its_name(loop):
    theirs = Policy(name="imported:csv", base=IMPORTED)
    loop.store.add_policy(theirs)
    with pytest.raises(ConfigError, match=r"imported:csv is imported: .*; expected one of base"):
        compare_policies(loop, "base", "imported:csv")
    with pytest.raises(UnknownRecord, match=r"no policy 'x' in .*; there is base"):
        compare_policies(loop, "x", "base")
    assert loop.store.images() == []
    with pytest.raises(AssertionError):
        Artist(loop, theirs)


def test_a_set_without_training_prompts_is_refused(loop, tmp_path):
    path = tmp_path / "unseen.yaml"
    path.write_text("name: u\nprompts:\n  - {text: a dog, split: unseen}\n")
    with pytest.raises(PromptError, match="no prompt of split train"):
        generate(Loop(loop.workspace, replace(loop.config, prompt_set=str(path))), 1)


def test_compared_prompts_are_paired_and_not_measured(tmp_path, config):
    prompt_set = tmp_path / "mine.yaml"
    prompt_set.write_text(
        "prompts: [{text: a red dog}, {text: a blue cat, split: compared}, "
        "{text: a red frog, split: unseen}]\n"
    )
    loop = create_loop(tmp_path / "workspace", replace(config, prompt_set=str(prompt_set)))
    generate(loop, 1)
    texts = {prompt.prompt_id: prompt.text for prompt in loop.prompts()}
    paired = {texts[pair.prompt_id] for pair in loop.store.pairs(1)}
    assert paired == {"a red dog", "a blue cat"}
    measured = measure_policies(loop, loop.store.policies(), 1)
    assert {image.prompt for image in measured} == {"a red dog", "a red frog"}
