"""Servers as processes of their own, and a Chromium that looks at them."""

import contextlib
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Sequence

from playwright.sync_api import BrowserContext, sync_playwright

from data.errors import TastemakerError

_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, _NAMES)), None)
"""Its path; none where there is none."""

_PATIENCE_S = 60
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(words: Sequence[str], address: str) -> Iterator[None]:
    """Run a server until it is done with; `address` answers once it is up."""
    with subprocess.Popen(words, stdout=subprocess.DEVNULL) as server:
        try:
            wait_for(address)
            yield
        finally:
            server.send_signal(signal.SIGTERM)


def wait_for(address: str) -> None:
    """Wait until a server answers."""
    deadline = time.monotonic() + _PATIENCE_S
    while not _answers(address):
        if time.monotonic() > deadline:
            raise TastemakerError(f"no answer from {address} in {_PATIENCE_S} s")
        time.sleep(0.1)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=2) as response:
            return response.status == 200
    except OSError:
        return False


@contextlib.contextmanager
def chromium() -> Iterator[BrowserContext]:
    """Open a browser that remembers nobody."""
    if CHROMIUM is None:
        raise TastemakerError(f"expected one of {', '.join(_NAMES)} on the PATH, found none")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_FLAGS)
        yield browser.new_context()
        browser.close()
