"""A workspace of noise, a rater who presses a key again and again, and the browser's clock."""

import io
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from playwright.sync_api import Page

from benchmarks.browser import chromium, free_port, running
from data.records import Image, Pair, Policy, Prompt, Rater, RaterKind, Sampler
from data.workspace import Workspace
from labeling_app.launch import command

_NUM_WARM_UP = 2
_PROMPTS = 4
_PRESS = """() => {
    const host = [...document.querySelectorAll("*")].find(
        (e) => e.shadowRoot?.querySelector(".stage"));
    const stage = host.shadowRoot.querySelector(".stage");
    return new Promise((done) => {
        const start = performance.now();
        new MutationObserver((_, observer) => {
            observer.disconnect();
            requestAnimationFrame(() => done(performance.now() - start));
        }).observe(stage, { attributeFilter: ["data-token"] });
        window.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowLeft" }));
    });
}"""


def time_presses(size: int, num_presses: int, pause_s: float) -> list[float]:
    """Return the milliseconds from each key to the next pair."""
    num = num_presses + _NUM_WARM_UP
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        workspace = Workspace.create(Path(folder) / "workspace")
        _fill(workspace, size, num + 3)
        port = free_port()
        address = f"http://127.0.0.1:{port}"
        with running(command(workspace.root, port=port), f"{address}/_stcore/health"):
            page = browser.new_page()
            page.goto(f"{address}/?rater=ada")
            page.locator(".stage[data-token]").wait_for()
            return [_press(page, pause_s) for _ in range(num)][_NUM_WARM_UP:]


def _press(page: Page, pause_s: float) -> float:
    page.wait_for_timeout(1000 * pause_s)
    return float(page.evaluate(_PRESS))


def _fill(workspace: Workspace, size: int, num_pairs: int) -> None:
    """Make pairs of smooth noise, which weighs about what a photograph does."""
    store, rng = workspace.store(), np.random.default_rng(size)
    sampler = Sampler(
        scheduler="ddim", num_steps=20, guidance=5.0, eta=1.0, width=size, height=size
    )
    store.add_policy(Policy(name="base", base="base"))
    store.add_rater(Rater.new("ada", RaterKind.PERSON))
    prompts = [Prompt.new(f"prompt {n}") for n in range(_PROMPTS)]
    store.add_prompts(prompts)
    images = [
        Image.new(
            sha256=workspace.save_image(_png(rng, size)),
            policy="base",
            prompt_id=prompts[n // 2 % _PROMPTS].prompt_id,
            seed=n,
            sampler=sampler,
        )
        for n in range(2 * num_pairs)
    ]
    store.add_images(images)
    store.add_pairs(
        [
            Pair.new(round=1, prompt_id=a.prompt_id, image_a=a.image_id, image_b=b.image_id)
            for a, b in zip(images[::2], images[1::2], strict=True)
        ]
    )


def _png(rng: np.random.Generator, size: int) -> bytes:
    coarse = rng.integers(256, size=(size // 8, size // 8, 3), dtype=np.uint8)
    smooth = PIL.Image.fromarray(coarse).resize((size, size), PIL.Image.Resampling.BICUBIC)
    written = io.BytesIO()
    smooth.save(written, "PNG", compress_level=1)
    return written.getvalue()


def describe(size: int, milliseconds: list[float]) -> dict[str, Any]:
    """Return the figures of one size, and a line that says them."""
    low, median, high = np.quantile(milliseconds, [0.25, 0.5, 0.75])
    worst = max(milliseconds)
    said = (
        f"{size} pixels: {median:.0f} ms (quartiles {low:.0f} to {high:.0f}, longest {worst:.0f}),"
        f" {len(milliseconds)} presses"
    )
    return {"size": size, "said": said, "milliseconds": [round(each, 1) for each in milliseconds]}
