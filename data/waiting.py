"""Waiting for a file that others use, up to a bound."""

import random
import time
from pathlib import Path

from data.errors import StoreBusy


class Waiting:
    """Pauses of random length until patience is at its end."""

    def __init__(self, path: Path, patience_s: float) -> None:
        """Begin to wait for `path`."""
        self.path = path
        self.patience_s = patience_s
        self.deadline = time.monotonic() + patience_s

    def pause(self, longest_s: float) -> bool:
        """Sleep, or return False when there is no time left."""
        if time.monotonic() >= self.deadline:
            return False
        time.sleep(random.uniform(0.2, 1.0) * longest_s)
        return True

    def in_vain(self) -> StoreBusy:
        """Say what was waited for."""
        return StoreBusy(
            f"{self.path} was in use by another program for {self.patience_s:g} s; close what "
            "holds it open (a DuckDB shell, a notebook) and run the same command again"
        )
