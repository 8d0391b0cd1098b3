"""The app's pages as people see them: the real app in a real browser; one `Shot` a picture."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Page, ViewportSize

from benchmarks.browser import chromium, free_port, running
from data.files import write_atomically
from labeling_app.launch import command

LOOK_MS = 1000
"""Answers that come sooner after a pair is shown are taken for a slip of the finger."""
RATER = "Ada"
_CHART = "[data-testid=stVegaLiteChart] svg, [data-testid=stVegaLiteChart] canvas"
_DESK = {"device_scale_factor": 1.5}
_PHONE = {"device_scale_factor": 2, "is_mobile": True, "has_touch": True}


def _nothing(_: Page) -> None:
    """Show the page as it comes."""


def _compare_two(page: Page) -> None:
    """Answer twice, so that the page is one that somebody is at work on."""
    for key in ("ArrowLeft", "ArrowRight"):
        token = page.locator(".stage[data-token]").get_attribute("data-token")
        page.wait_for_timeout(LOOK_MS)
        page.keyboard.press(key)
        page.locator(f".stage[data-token]:not([data-token='{token}'])").wait_for()
    page.wait_for_timeout(LOOK_MS)


@dataclass(frozen=True, kw_only=True, slots=True)
class Shot:
    """A picture of a page."""

    file: str
    path: str
    ready: str
    """Selector of what is there once the page is."""
    act: Callable[[Page], None] = _nothing
    """What somebody does on the page before."""
    width: int = 1280
    height: int = 800
    is_phone: bool = False


SHOTS = (
    Shot(file="start-page.png", path="", ready=".st-key-start button"),
    Shot(
        file="progress-page.png",
        path=f"progress?rater={RATER}",
        ready=_CHART,
        height=1000,
    ),
    Shot(
        file="studies-page.png",
        path=f"studies?rater={RATER}",
        ready=_CHART,
        height=1000,
    ),
    Shot(file="gallery-page.png", path=f"gallery?rater={RATER}", ready=".row img"),
    Shot(
        file="label-page.png",
        path=f"?rater={RATER}",
        ready=".stage[data-token]",
        act=_compare_two,
    ),
    Shot(
        file="label-page-phone.png",
        path=f"?rater={RATER}",
        ready=".stage[data-token]",
        width=390,
        height=844,
        is_phone=True,
    ),
)
"""Looking comes before answering, so that nothing of it is in the figures."""


def photograph(workspace: Path, folder: Path) -> None:
    """Serve a workspace and save a picture of each page."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with (
        running(command(workspace, port=port), f"{address}/_stcore/health"),
        chromium() as browser,
    ):
        for shot in SHOTS:
            write_atomically(folder / shot.file, _take(browser, address, shot))


def _take(browser: BrowserContext, address: str, shot: Shot) -> bytes:
    assert browser.browser is not None
    device: dict[str, Any] = _PHONE if shot.is_phone else _DESK
    window = ViewportSize(width=shot.width, height=shot.height)
    context = browser.browser.new_context(**device, viewport=window, color_scheme="light")
    page = context.new_page()
    page.goto(f"{address}/{shot.path}")
    page.locator(shot.ready).first.wait_for()
    shot.act(page)
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(LOOK_MS)  # charts and pictures are there by then
    picture = page.screenshot()
    context.close()
    return picture
