"""A workspace with pairs enough for a crowd, answers of earlier days, and apps that serve it."""

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import numpy as np
import PIL.Image

from benchmarks.browser import free_port, wait_for
from benchmarks.raters.plan import Plan
from data.records import Aspect, Choice, Comparison, Image, Pair, Rater, RaterKind, Sampler
from data.store import Batch
from data.store_address import STORE_VARIABLE
from data.workspace import Workspace
from feedback_loop.config import GenerateConfig, LoopConfig
from feedback_loop.loop import BASE, Loop, create_loop

_SIDE = 64
_NUM_FILES = 64
"""Images share so many files: what they show does not matter here."""
_BOTH = (Aspect.ALIGNMENT, Aspect.QUALITY)
_PATIENCE_S = 30


def make_workspace(root: Path, plan: Plan) -> Workspace:
    """Make a workspace whose first round has pairs for a crowd, and more that were answered before.

    `generate` has nothing done in it yet: it draws its images, and adds pairs of its own.
    """
    sizes = GenerateConfig(num_pairs=plan.num_images // 2, num_images=plan.num_images)
    with _environment({STORE_VARIABLE: plan.store} if plan.store else {}):
        loop = create_loop(root, LoopConfig(generate=sizes))
    images = _images(loop, 2 * (plan.num_stored + plan.num_pairs))
    pairs = [_pair(n, *two) for n, two in enumerate(zip(images[::2], images[1::2], strict=True))]
    early = Rater.new("early", RaterKind.PERSON)
    answers = [_answer(pair, early, number) for number, pair in enumerate(pairs[: plan.num_stored])]
    loop.store.add_batch(Batch(images=images, pairs=pairs, raters=[early], comparisons=answers))
    return loop.workspace


def _images(loop: Loop, num: int) -> list[Image]:
    """Make records of so many images; in twos they are of one prompt."""
    rng = np.random.default_rng(0)
    files = [loop.workspace.save_image(_png(rng)) for _ in range(_NUM_FILES)]
    prompts = loop.prompts("train")
    sampler = Sampler(
        scheduler="ddim", num_steps=20, guidance=5.0, eta=1.0, width=_SIDE, height=_SIDE
    )
    return [
        Image.new(
            sha256=files[n % _NUM_FILES],
            policy=BASE,
            prompt_id=prompts[n // 2 % len(prompts)].prompt_id,
            seed=n,
            sampler=sampler,
            round=1,
        )
        for n in range(num)
    ]


def _pair(number: int, a: Image, b: Image) -> Pair:
    """Make a pair; some are for two people, some ask two things, some come twice, some are gold."""
    return Pair.new(
        round=1,
        prompt_id=a.prompt_id,
        image_a=a.image_id,
        image_b=b.image_id,
        num_raters=2 if number % 10 == 0 else 1,
        aspects=_BOTH if number % 10 == 1 else (Aspect.OVERALL,),
        asked_again=number % 10 in (2, 3, 4),
        better=a.image_id if number % 10 == 5 else None,
    )


def _answer(pair: Pair, rater: Rater, number: int) -> Comparison:
    return Comparison.new(
        pair_id=pair.pair_id,
        rater_id=rater.rater_id,
        choice=(Choice.LEFT, Choice.RIGHT)[number % 2],
        aspect=pair.aspects[0],
        shown_left=pair.image_a,
        milliseconds=1500,
    )


def _png(rng: np.random.Generator) -> bytes:
    noise = rng.integers(256, size=(_SIDE, _SIDE, 3), dtype=np.uint8)
    written = io.BytesIO()
    PIL.Image.fromarray(noise).save(written, "PNG")
    return written.getvalue()


@contextlib.contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


class App:
    """An app process, as `tastemaker label` starts it."""

    def __init__(self, workspace: Workspace, said: Path) -> None:
        """Start it; what it says goes to a file."""
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        words = ["label", "--workspace", str(workspace.root), "--port", str(port)]
        with said.open("w", encoding="utf-8") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "feedback_loop", *words], stdout=file, stderr=file
            )

    def __enter__(self) -> Self:
        """Wait until it answers."""
        wait_for(f"{self.url}/_stcore/health")
        return self

    def __exit__(self, *_: object) -> None:
        """Leave no process behind."""
        self.kill()

    @property
    def is_running(self) -> bool:
        """Whether it has not ended by itself."""
        return self._process.poll() is None

    def kill(self) -> None:
        """End it as a power cut would: it cannot even close a file."""
        self._process.kill()
        self._process.wait(_PATIENCE_S)
