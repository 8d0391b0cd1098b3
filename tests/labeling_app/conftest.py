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
from data.workspace import Workspace

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
