"""Where an iteration's time goes."""

import time

import torch


class Stopwatch:
    """Seconds of wall time, lap by lap."""

    def __init__(self) -> None:
        self._started = time.perf_counter()

    def lap(self) -> float:
        """Return the seconds since the last lap, what a GPU was asked for included."""
        if torch.cuda.is_initialized():
            torch.cuda.synchronize()
        lap = time.perf_counter() - self._started
        self._started += lap
        return lap
