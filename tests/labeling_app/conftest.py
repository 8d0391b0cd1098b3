"""A workspace with small pairs to compare, in a real DuckDB file."""

import io
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import PIL.Image
import pytest
from playwright.sync_api import expect

from data.records import Image, Pair, Policy, Prompt, Rater, RaterKind, Sampler
from data.store import Batch
from data.workspace import Workspace
from labeling_app.study_plan import StudyPlan
from labeling_app.study_queue import queue_from_stock, stock_for, study_of

SAMPLER = Sampler(scheduler="ddim", num_steps=20, guidance=5.0, eta=1.0, width=8, height=8)
expect.set_options(timeout=30_000)  # as long as all else in a page is waited for
HTML_PROMPT = "<b>four</b> wolves & <script>alert(1)</script> 🐺"


def png(seed: int) -> bytes:
    picture = PIL.Image.frombytes("RGB", (8, 8), random.Random(seed).randbytes(8 * 8 * 3))
    written = io.BytesIO()
    picture.save(written, "PNG")
    return written.getvalue()


def add_round(
    workspace: Workspace, num_pairs: int, number: int = 1, num_raters: int = 1
) -> list[Pair]:
    store = workspace.store()
    store.add_policy(Policy(name="secret-policy", base="secret-base"))
    prompts = [Prompt.new(text) for text in (HTML_PROMPT, "a cat and a dog", "a green rabbit")]
    store.add_prompts(prompts)
    images = [
        Image.new(
            sha256=workspace.save_image(png(1000 * number + i)),
            policy="secret-policy",
            prompt_id=prompts[i // 2 % len(prompts)].prompt_id,
            seed=1000 * number + i,
            sampler=SAMPLER,
            round=number,
        )
        for i in range(2 * num_pairs)
    ]
    pairs = [
        Pair.new(
            round=number,
            prompt_id=a.prompt_id,
            image_a=a.image_id,
            image_b=b.image_id,
            num_raters=num_raters,
        )
        for a, b in zip(images[::2], images[1::2], strict=True)
    ]
    store.add_images(images)
    store.add_pairs(pairs)
    return pairs


@pytest.fixture(name="add_round", scope="session")
def add_round_fixture() -> Callable[..., list[Pair]]:
    return add_round


def draw_twins(workspace: Workspace, num_images: int) -> None:
    """Let two policies draw so many images of one prompt at the same seeds."""
    store, prompt = workspace.store(), Prompt.new("a green rabbit", family="color")
    for place, name in enumerate(("secret-sft", "secret-rl")):
        store.add_policy(Policy(name=name, base="secret-base", round=place))
        images = [
            Image.new(
                sha256=workspace.save_image(png(5000 + 100 * place + n)),
                policy=name,
                prompt_id=prompt.prompt_id,
                seed=n,
                sampler=SAMPLER,
            )
            for n in range(num_images)
        ]
        store.add_batch(Batch(prompts=[prompt], images=images))


@pytest.fixture(name="draw_twins", scope="session")
def draw_twins_fixture() -> Callable[..., None]:
    return draw_twins


@pytest.fixture(scope="session")
def queue_study() -> Callable[..., list[Pair]]:
    """Queue a study of so many pairs, of one question each."""

    def queue(workspace: Workspace, num_pairs: int) -> list[Pair]:
        draw_twins(workspace, num_pairs)
        store, plan = workspace.store(), StudyPlan(num_images=num_pairs, num_raters=1)
        stock = stock_for(store, "secret-rl", "secret-sft", plan)
        study = study_of("secret-rl", "secret-sft", plan, stock)
        assert queue_from_stock(store, study, stock, num_pairs)
        return store.study_pairs(study.name)

    return queue


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace of five pairs, made once: copying is quicker."""
    workspace = Workspace.create(tmp_path_factory.mktemp("template") / "workspace")
    add_round(workspace, 5)
    return workspace.root


@pytest.fixture
def workspace(template: Path, tmp_path: Path) -> Workspace:
    return Workspace(shutil.copytree(template, tmp_path / "workspace"))


@pytest.fixture
def empty_workspace(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path / "empty")


@pytest.fixture
def ada(workspace: Workspace) -> Rater:
    rater = Rater.new("Ada", RaterKind.PERSON)
    workspace.store().add_rater(rater)
    return rater
