"""The labelling page as a rater sees it: the real app in a real browser."""

import tempfile
from pathlib import Path

from playwright.sync_api import ViewportSize

from benchmarks.browser import chromium, free_port, running
from data.files import write_atomically
from data.records import Rater, RaterKind
from feedback_loop.config import GenerateConfig, LoopConfig
from feedback_loop.generate import generate
from feedback_loop.loop import create_loop
from labeling_app.launch import command

LOOK_MS = 1000
"""Answers that come sooner after a pair is shown are taken for a slip of the finger."""
WINDOW = ViewportSize(width=1180, height=760)


def photograph_page(path: Path) -> None:
    """Draw some pairs, serve them, compare two and save what the page shows then."""
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        loop = create_loop(
            Path(folder) / "workspace",
            LoopConfig(generate=GenerateConfig(num_pairs=32, num_images=64)),
        )
        generate(loop, 1)
        loop.store.add_rater(Rater.new("ada", RaterKind.PERSON))
        port = free_port()
        address = f"http://127.0.0.1:{port}"
        with running(command(loop.workspace.root, port=port), f"{address}/_stcore/health"):
            page = browser.new_page()
            page.set_viewport_size(WINDOW)
            page.goto(f"{address}/?rater=ada")
            for key in ("ArrowLeft", "ArrowRight"):
                stage = page.locator(".stage[data-token]")
                stage.wait_for()
                token = stage.get_attribute("data-token")
                page.wait_for_timeout(LOOK_MS)
                page.keyboard.press(key)
                page.locator(f".stage[data-token]:not([data-token='{token}'])").wait_for()
            page.wait_for_load_state("networkidle")
            page.wait_for_timeout(LOOK_MS)
            write_atomically(path, page.screenshot())
