"""The people who do not exist sit where real ones would."""

import io
import random
from datetime import datetime
from pathlib import Path

import PIL.Image
import pytest

from benchmarks.pictures.people import PEOPLE, answer, num_asked
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
    couples = zip(images[::2], images[1::2], strict=True)
    store.add_pairs([asked(place, *couple) for place, couple in enumerate(couples)])
    return Loop(workspace, LoopConfig())


def asked(place: int, a: Image, b: Image) -> Pair:
    better = a.image_id if place == 1 else None
    return Pair.new(
        round=1,
        prompt_id=a.prompt_id,
        image_a=a.image_id,
        image_b=b.image_id,
        num_raters=3 if place % 4 == 0 and not better else 1,
        better=better,
    )


def answer_all(loop: Loop, share: float) -> None:
    pairs = loop.store.served_pairs(1)
    answer(loop, 1, pairs, share=share, since=datetime(2026, 11, 18, 8))


def test_they_take_every_seat_and_no_other(loop: Loop):
    answer_all(loop, 1.0)
    answer_all(loop, 1.0)  # once more adds nothing
    store = loop.store
    given = store.comparison_events()
    pairs = {pair.pair_id: pair for pair in store.served_pairs(1)}
    for pair in pairs.values():
        raters = [each.rater_id for each in given if each.pair_id == pair.pair_id]
        assert len(set(raters)) == len(raters)
        assert len(raters) == num_asked(pair) == (len(PEOPLE) if pair.better else pair.num_raters)
    assert all(c.shown_left == left_image(pairs[c.pair_id], c.rater_id) for c in given)
    assert {r.name for r in store.raters() if r.kind is RaterKind.PERSON} == {
        person.name for person in PEOPLE
    }


def test_they_answer_a_share_one_hour_after_another(loop: Loop):
    answer_all(loop, 0.5)
    given = loop.store.comparison_events()
    assert len(given) == round(0.5 * sum(map(num_asked, loop.store.served_pairs(1))))
    assert min(c.created_at for c in given) == datetime(2026, 11, 18, 8)
