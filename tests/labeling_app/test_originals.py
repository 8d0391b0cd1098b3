"""Every kind of image reaches the rater as its original bytes, in a real Chromium."""

import hashlib
import io
import random
from collections.abc import Iterator

import PIL.Image
import pytest
from rater_tab import Tab

from benchmarks.browser import CHROMIUM, chromium, free_port, running
from data.records import Image, Pair, Policy, Prompt, Sampler
from data.workspace import Workspace
from labeling_app.launch import command

KINDS = {"PNG": 64, "JPEG": 300, "WEBP": 310, "large PNG": 2048}
SAMPLER = Sampler(scheduler="ddim", num_steps=20, guidance=5.0, eta=1.0, width=8, height=8)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium, and none is on the PATH"),
]


def encoded(kind: str, size: int) -> bytes:
    """Return noise, which every re-encoding and every smaller size would change."""
    noise = random.Random(size).randbytes(size * size * 3)
    written = io.BytesIO()
    PIL.Image.frombytes("RGB", (size, size), noise).save(written, kind.split()[-1])
    return written.getvalue()


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = Workspace.create(tmp_path_factory.mktemp("originals") / "workspace")
    store = workspace.store()
    store.add_policy(Policy(name="base", base="base"))
    prompt = Prompt.new("a cat")
    store.add_prompts([prompt])
    images = [
        Image.new(
            sha256=workspace.save_image(encoded(kind, size)),
            policy="base",
            prompt_id=prompt.prompt_id,
            seed=size,
            sampler=SAMPLER,
        )
        for kind, size in KINDS.items()
    ]
    store.add_images(images)
    store.add_pairs(
        [
            Pair.new(round=1, prompt_id=prompt.prompt_id, image_a=a.image_id, image_b=b.image_id)
            for a, b in zip(images[::2], images[1::2], strict=True)
        ]
    )
    return workspace


@pytest.fixture(scope="module")
def tab(workspace: Workspace) -> Iterator[Tab]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with (
        running(command(workspace.root, port=port), f"{url}/_stcore/health"),
        chromium() as browser,
    ):
        yield Tab(browser, url, workspace, "Ida")


def test_png_jpeg_webp_and_large_images_are_shown_as_they_are(tab: Tab, workspace: Workspace):
    seen: dict[int, str] = {}
    for _ in range(2):
        for side in ("left", "right"):
            image = tab.page.locator(f".frame.{side} img")
            width = image.evaluate("(img) => img.naturalWidth")
            kind, got = image.evaluate("""async (img) => {
                const response = await fetch(img.currentSrc, { cache: "force-cache" });
                const digest = await crypto.subtle.digest("SHA-256", await response.arrayBuffer());
                const hex = [...new Uint8Array(digest)].map((b) => b.toString(16).padStart(2, "0"));
                return [response.headers.get("content-type"), hex.join("")];
            }""")
            original = workspace.read_image(tab.sha256(side))
            assert got == hashlib.sha256(original).hexdigest()
            seen[width] = kind
            box = image.bounding_box()
            assert box is not None
            assert 256 <= box["width"] <= 640
        tab.press("t")
    kinds = {64: "image/png", 300: "image/jpeg", 310: "image/webp", 2048: "image/png"}
    assert seen == kinds
