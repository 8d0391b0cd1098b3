"""The labelling page as a rater sees it: the real app in a real browser."""

import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import ViewportSize, sync_playwright

from data.errors import TastemakerError
from data.files import write_atomically
from data.records import Rater, RaterKind
from feedback_loop.config import GenerateConfig, LoopConfig
from feedback_loop.generate import generate
from feedback_loop.loop import Loop, create_loop
from labeling_app.launch import command

NAMES = ("chromium", "chromium-browser", "google-chrome")
PATIENCE_S = 60
LOOK_MS = 1000
"""Answers that come sooner after a pair is shown are taken for a slip of the finger."""
WINDOW = ViewportSize(width=1180, height=760)


def photograph_page(path: Path) -> None:
    """Draw some pairs, serve them, compare two and save what the page shows then."""
    chromium = next(filter(None, map(shutil.which, NAMES)), None)
    if chromium is None:
        raise TastemakerError(f"expected one of {', '.join(NAMES)} on the PATH, found none")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        loop = create_loop(
            Path(folder) / "workspace",
            LoopConfig(generate=GenerateConfig(num_pairs=32, num_images=64)),
        )
        generate(loop, 1)
        loop.store.add_rater(Rater.new("ada", RaterKind.PERSON))
        with _served(loop) as address:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            page = browser.new_page(viewport=WINDOW)
            page.goto(f"{address}/?rater=ada")
            for key in ("ArrowLeft", "ArrowRight"):
                stage = page.locator(".stage[data-token]")
                stage.wait_for()
                token = stage.get_attribute("data-token")
                page.wait_for_timeout(LOOK_MS)
                page.keyboard.press(key)
                page.locator(f".stage[data-token]:not([data-token='{token}'])").wait_for()
            page.wait_for_load_state("networkidle")
            write_atomically(path, page.screenshot())
            browser.close()


@contextmanager
def _served(loop: Loop) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    words = command(loop.workspace.root, port=port)
    with subprocess.Popen(words, stdout=subprocess.DEVNULL) as server:
        try:
            _wait(f"{address}/_stcore/health")
            yield address
        finally:
            server.terminate()


def _wait(url: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise TastemakerError(f"no answer from {url} in {PATIENCE_S} s") from None
            time.sleep(0.1)
