"""The people who do not exist sit where real ones would."""

import io
import random
from pathlib import Path

import PIL.Image
import pytest

from benchmarks.pictures.people import PEOPLE, SHARE, answer
from data.records import Image, Pair, Policy, Prompt, RaterKind, Sampler
from data.workspace import Workspace
from feedback_loop.config import LoopConfig
from feedback_loop.loop import Loop
from labeling_app.sides import left_image

NUM_PAIRS = 10
SAMPLER = Sampler(scheduler="ddim", num_steps=10, guidance=2.0, eta=1.0, width=64, height=64)


def noise(seed: int) -> bytes:
    written = io.BytesIO()
    noise = random.Random(seed).randbytes(64 * 64 * 3)
    PIL.Image.frombytes("RGB", (64, 64), noise).save(written, "PNG")
    return written.getvalue()


@pytest.fixture
def loop(tmp_path: Path) -> Loop:
    workspace = Workspace.create(tmp_path / "workspace")
    store, prompt = workspace.store(), Prompt.new("a red dog")
    store.add_prompts([prompt])
    store.add_policy(Policy(name="base", base="base"))
    images = [
        Image.new(
            sha256=workspace.save_image(noise(seed)),
            policy="base",
            prompt_id=prompt.prompt_id,
            seed=seed,
            sampler=SAMPLER,
        )
        for seed in range(2 * NUM_PAIRS)
    ]
    store.add_images(images)
    store.add_pairs(
        [
            Pair.new(
                round=1,
                prompt_id=prompt.prompt_id,
                image_a=a.image_id,
                image_b=b.image_id,
                num_raters=3 if n % 4 == 0 else 1,
            )
            for n, (a, b) in enumerate(zip(images[::2], images[1::2], strict=True))
        ]
    )
    return Loop(workspace, LoopConfig())


def test_they_take_every_seat_of_the_first_pairs_and_no_other(loop: Loop):
    answer(loop, 1)
    answer(loop, 1)  # once more adds nothing
    store = loop.store
    given = store.comparison_events()
    pairs = store.pairs(1)
    for place, pair in enumerate(pairs):
        raters = [each.rater_id for each in given if each.pair_id == pair.pair_id]
        is_answered = place < SHARE * NUM_PAIRS
        assert len(set(raters)) == len(raters) == (pair.num_raters if is_answered else 0)
    by_id = {pair.pair_id: pair for pair in pairs}
    assert all(c.shown_left == left_image(by_id[c.pair_id], c.rater_id) for c in given)
    assert {r.name for r in store.raters() if r.kind is RaterKind.PERSON} == {
        person.name for person in PEOPLE
    }
