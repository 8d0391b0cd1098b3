"""The commands that run beside the raters, as a user would start them."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from data.workspace import Workspace
from emoji_world.assets import clip_path

_PATIENCE_S = 600


@dataclass(kw_only=True, slots=True)
class Beside:
    """One command and how its runs went."""

    name: str
    seconds: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


class Commands:
    """A `generate`, one `fit` after another and `status` again and again, for a block."""

    def __init__(self, workspace: Workspace) -> None:
        """Start each in a thread that waits for its processes."""
        self.runs: list[Beside] = []
        self._is_over = threading.Event()
        self._threads: list[threading.Thread] = []
        where = ["--workspace", str(workspace.root)]
        tastemaker = [sys.executable, "-m", "feedback_loop"]
        self._start("generate", lambda _: [*tastemaker, "generate", *where], is_once=True)
        self._start("fit", lambda number: [*_fit(number), *where])
        self._start("status", lambda _: [*tastemaker, "status", *where])

    def __enter__(self) -> Self:
        """Let them run."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let each end what it is at."""
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def _start(
        self, name: str, words: Callable[[int], list[str]], *, is_once: bool = False
    ) -> None:
        self.runs.append(Beside(name=name))
        arguments = (self.runs[-1], words, is_once)
        self._threads.append(threading.Thread(target=self._run, args=arguments))
        self._threads[-1].start()

    def _run(self, beside: Beside, words: Callable[[int], list[str]], is_once: bool) -> None:
        number = 0
        while number == 0 or not (is_once or self._is_over.is_set()):
            start = time.monotonic()
            done = subprocess.run(
                words(number), capture_output=True, text=True, timeout=_PATIENCE_S, check=False
            )
            beside.seconds.append(round(time.monotonic() - start, 2))
            if done.returncode:
                beside.faults.append(f"{beside.name} exit {done.returncode}: {done.stderr[-300:]}")
            number += 1


def _fit(number: int) -> list[str]:
    return [
        *(sys.executable, "-m", "reward_training.fit"),
        *("--backbone", str(clip_path()), "--name", f"beside-{number}"),
        *("--training.num_updates", "30", "--training.no-cross-validate"),
    ]
