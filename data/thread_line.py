"""This process's threads in line for one file, served in the order in which they came.

Whoever has the turn may keep the file open for the next in line: a crowd in one process, such as
the raters of one app, then shares an opening. What is kept is closed when the line is empty or, if
it lingers, a little later.
"""

import atexit
import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from data.waiting import Waiting

_LOOK_S = 0.005
"""Between two looks at what lingers: so long another process waits for it."""

_log = logging.getLogger(__name__)


class Keepable(Protocol):
    """What can be kept open."""

    @property
    def lingers(self) -> bool:
        """Whether it may stay open with nobody in line."""
        ...

    def is_due(self) -> bool:
        """Say whether what lingers is to be closed now."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class Line:
    """A line of threads; `kept` belongs to whoever has the turn."""

    def __init__(self) -> None:
        """Begin with nobody in it."""
        self.kept: Keepable | None = None
        self._is_taken = False
        self._is_watched = False
        self._waiting: deque[threading.Event] = deque()
        self._guard = threading.Lock()

    @property
    def is_wanted(self) -> bool:
        """Whether anybody waits behind who has the turn."""
        return bool(self._waiting)

    @contextlib.contextmanager
    def turn(self, waiting: Waiting) -> Iterator[None]:
        """Wait for the turn and have it."""
        self._enter(waiting)
        try:
            yield
        finally:
            self._leave()

    def close(self) -> None:
        """Let go of what is kept."""
        kept, self.kept = self.kept, None
        if kept is not None:
            kept.close()

    def _enter(self, waiting: Waiting) -> None:
        with self._guard:
            if not self._is_taken:
                self._is_taken = True
                return
            called = threading.Event()
            self._waiting.append(called)
        try:
            called.wait(max(0.0, waiting.deadline - time.monotonic()))
        except BaseException:
            if not self._withdraw(called):
                self._leave()
            raise
        if self._withdraw(called):
            raise waiting.in_vain()

    def _withdraw(self, called: threading.Event) -> bool:
        """Leave the line, unless called just now."""
        with self._guard:
            if called.is_set():
                return False
            self._waiting.remove(called)
            return True

    def _leave(self) -> None:
        """Call the next; with nobody in line, keep nothing open but what lingers."""
        with self._guard:
            if self._waiting:
                self._waiting.popleft().set()
                return
            try:
                if self.kept is not None and self.kept.lingers:
                    self._watch()
                else:
                    self.close()
            finally:
                self._is_taken = False

    def _watch(self) -> None:
        if not self._is_watched:
            self._is_watched = True
            threading.Thread(target=self._close_when_due, daemon=True).start()

    def _close_when_due(self) -> None:
        while self._is_watched:
            time.sleep(_LOOK_S)
            with self._guard:
                if not self._is_taken and (self.kept is None or self.kept.is_due()):
                    self._is_watched = False
                    self._close_unasked()

    def close_idle(self) -> None:
        """Let go of what lingers."""
        with self._guard:
            if not self._is_taken:
                self._close_unasked()

    def _close_unasked(self) -> None:
        try:
            self.close()
        except Exception:
            _log.exception("closing failed; what was committed stays")


_lines: dict[Path, Line] = {}
_lines_guard = threading.Lock()


def line_of(path: Path) -> Line:
    """Return the one line that this process has for a file, however its path is spelled."""
    with _lines_guard:
        return _lines.setdefault(path.resolve(), Line())


@atexit.register
def _close_lines() -> None:
    for line in list(_lines.values()):
        line.close_idle()
