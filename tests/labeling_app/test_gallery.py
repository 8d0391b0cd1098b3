"""The gallery in a real Chromium: original images side by side, for those who may see them."""

import contextlib
import io
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import PIL.Image
import pytest
from playwright.sync_api import BrowserContext, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from benchmarks.browser import CHROMIUM, chromium, free_port, running
from data.questions import Study
from data.records import Image, Pair, Policy, Prompt, Rater, RaterKind, Sampler
from data.workspace import Workspace
from labeling_app.launch import command

SAMPLER = Sampler(scheduler="ddim", num_steps=20, guidance=5.0, eta=1.0, width=8, height=8)
NUM_PROMPTS = 11
SEEDS = range(6)
HTML = "<b>a</b> dog & <img src=x onerror=alert(1)>"
PROMPTS = [
    Prompt.new(
        HTML if n == 0 else f"prompt {n}",
        family=("animal", "thing")[n % 2],
        split="unseen" if n > 7 else "train",
    )
    for n in range(NUM_PROMPTS)
]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium, and none is on the PATH"),
]


def png(seed: int) -> bytes:
    picture = PIL.Image.frombytes("RGB", (8, 8), random.Random(seed).randbytes(8 * 8 * 3))
    written = io.BytesIO()
    picture.save(written, "PNG")
    return written.getvalue()


def draw(workspace: Workspace, policy: str, salt: int) -> list[Image]:
    """Put a policy's images on record, each unlike all others."""
    images = [
        Image.new(
            sha256=workspace.save_image(png(10_000 * salt + 100 * n + seed)),
            policy=policy,
            prompt_id=prompt.prompt_id,
            seed=seed,
            sampler=SAMPLER,
        )
        for n, prompt in enumerate(PROMPTS)
        for seed in SEEDS
    ]
    workspace.store().add_images(images)
    return images


@pytest.fixture
def drawn(tmp_path: Path) -> Workspace:
    """Three policies, of which the base and the newest were drawn at the same seeds."""
    workspace = Workspace.create(tmp_path / "workspace")
    store = workspace.store()
    store.add_rater(Rater.new("Ada", RaterKind.PERSON))
    store.add_prompts(PROMPTS)
    for number, name in enumerate(("base", "undrawn", "newest")):
        store.add_policy(Policy(name=name, base="somewhere", round=number))
    draw(workspace, "base", 1)
    draw(workspace, "newest", 2)
    return workspace


@pytest.fixture
def browser() -> Iterator[BrowserContext]:
    with chromium() as context:
        yield context


@pytest.fixture
def opened(browser: BrowserContext) -> Iterator[Callable[[Workspace, str], Page]]:
    """Open a page of a workspace's app as Ada."""
    with contextlib.ExitStack() as servers:

        def open_page(workspace: Workspace, path: str) -> Page:
            port = free_port()
            url = f"http://127.0.0.1:{port}"
            server = running(command(workspace.root, port=port), f"{url}/_stcore/health")
            servers.enter_context(server)
            page = browser.new_page()
            page.set_viewport_size({"width": 1280, "height": 800})
            page.goto(f"{url}/{path}?rater=Ada")
            return page

        yield open_page


def test_the_newest_policys_images_stand_beside_the_bases(drawn: Workspace, opened: Callable):
    page = opened(drawn, "")
    page.locator(".stage .gallery").click()
    rows = page.locator(".row")
    expect(rows).to_have_count(8)
    assert rows.first.locator("h4").inner_text() == HTML
    assert rows.first.locator(".strips p").all_inner_texts() == ["base", "newest"]
    stored = {
        (image.policy, image.prompt_id, image.seed): image.sha256
        for image in drawn.store().images()
    }
    for strip, policy in enumerate(("base", "newest")):
        images = rows.first.locator(".strip").nth(strip).locator("img")
        expect(images).to_have_count(4)
        for seed, image in enumerate(images.all()):
            got = image.evaluate("""async (img) => {
                const response = await fetch(img.src, { cache: "force-cache" });
                const digest = await crypto.subtle.digest("SHA-256", await response.arrayBuffer());
                return [...new Uint8Array(digest)].map((b) => b.toString(16).padStart(2, "0"))
                    .join("");
            }""")
            assert got == stored[policy, PROMPTS[0].prompt_id, seed]
            assert image.get_attribute("alt") == f"{HTML}, by {policy}, seed {seed}"
            image.scroll_into_view_if_needed()
            page.wait_for_function("(img) => img.naturalWidth === 8", arg=image.element_handle())
            assert image.bounding_box()["width"] == 128  # a whole multiple of its 8 pixels
    captions = rows.first.locator("figcaption").all_inner_texts()
    assert captions == [f"seed {seed}" for seed in range(4)] * 2
    page.get_by_role("button", name="Back to the pairs").click()
    page.locator(".stage[data-token]").wait_for()


def test_more_rows_other_prompts_and_other_policies(drawn: Workspace, opened: Callable):
    page = opened(drawn, "gallery")
    rows = page.locator(".row")
    expect(rows).to_have_count(8)
    page.get_by_role("button", name="More: 3 prompts are left").click()
    expect(rows).to_have_count(NUM_PROMPTS)
    expect(page.get_by_role("button", name="More")).to_have_count(0)

    def choose(label: str, option: str) -> None:
        wanted = page.get_by_role("option", name=option, exact=True)
        for _ in range(10):  # a list that is opened while the page is drawn anew closes again
            page.get_by_role("combobox", name=label).click()
            with contextlib.suppress(PlaywrightTimeout):
                wanted.click(timeout=3000)
                return
            page.keyboard.press("Escape")
        raise AssertionError(f"no {option} in {label}")

    choose("Split", "unseen")
    expect(rows).to_have_count(3)
    choose("Prompt family", "thing")
    expect(rows).to_have_count(1)
    assert rows.locator("h4").inner_text() == "prompt 9"
    choose("Seeds", "6")
    expect(rows.locator("img")).to_have_count(2 * len(SEEDS))
    choose("Policy on the right", "undrawn")
    expect(page.get_by_text("tastemaker compare base undrawn --workspace")).to_be_visible()
    expect(rows).to_have_count(0)


@pytest.mark.parametrize("in_study", [False, True])
def test_images_that_wait_for_people_are_kept_back(
    drawn: Workspace, opened: Callable, in_study: bool
):
    store = drawn.store()
    images = {(i.policy, i.prompt_id, i.seed): i.image_id for i in store.images()}
    prompt = PROMPTS[0].prompt_id
    asked = [images[policy, prompt, 1] for policy in ("base", "newest")]
    study = Study(name="newest-vs-base", policy_a="newest", policy_b="base")
    pair = Pair.new(
        round=0 if in_study else 1,
        prompt_id=prompt,
        image_a=asked[0],
        image_b=asked[1],
        study=study.name if in_study else None,
    )
    if in_study:
        store.queue_study(study, [pair])
    else:
        store.add_pairs([pair])
    page = opened(drawn, "gallery")
    captions = page.locator(".row").first.locator("figcaption")
    expect(captions.first).to_be_visible()
    assert captions.all_inner_texts() == [f"seed {seed}" for seed in (0, 2, 3, 4)] * 2


def test_a_single_policy_says_which_command_makes_another(tmp_path: Path, opened: Callable):
    workspace = Workspace.create(tmp_path / "young")
    workspace.store().add_rater(Rater.new("Ada", RaterKind.PERSON))
    workspace.store().add_policy(Policy(name="base", base="somewhere"))
    page = opened(workspace, "gallery")
    expect(page.get_by_text("tastemaker round --workspace")).to_be_visible()


def test_it_fits_a_phone(drawn: Workspace, opened: Callable):
    page = opened(drawn, "gallery")
    page.set_viewport_size({"width": 390, "height": 844})
    expect(page.locator(".row")).to_have_count(8)
    main = page.locator(".stMain")
    assert main.evaluate("(e) => e.scrollWidth <= e.clientWidth")
    left, right = page.locator(".row").first.locator(".strip").all()
    boxes = [strip.locator("img").first.bounding_box() for strip in (left, right)]
    assert boxes[0]["y"] == boxes[1]["y"]
    assert boxes[0]["x"] + boxes[0]["width"] < boxes[1]["x"]
