"""Where an iteration's time goes."""

import time


class Stopwatch:
    """Seconds of wall time, lap by lap."""

    def __init__(self) -> None:
        self._started = time.perf_counter()

    def lap(self) -> float:
        """Return the seconds since the last lap."""
        lap = time.perf_counter() - self._started
        self._started += lap
        return lap
