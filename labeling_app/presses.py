"""One press of a key or button: what the browser says, checked, and how soon the next may come."""

import logging
from dataclasses import dataclass
from typing import Any, Self, cast

from data.records import Choice

MIN_GAP_S = 0.4
"""Shorter than any honest judgement, longer than the pause between a held key's repeats."""

_LONGEST_MS = 24 * 60 * 60 * 1000

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Press:
    """A rater's press on what was on the screen."""

    choice: Choice
    token: str
    """Names the showing that was pressed on, so that a press cannot hit a pair not seen yet."""
    milliseconds: int
    """Time from the images' appearance to the press, by the browser's clock."""

    @classmethod
    def parse(cls, payload: object) -> Self | None:
        """Read what the browser sent; None when it is not a press."""
        sent = cast(dict[str, Any], payload) if isinstance(payload, dict) else {}
        choice, token, milliseconds = (sent.get(n) for n in ("choice", "token", "milliseconds"))
        is_number = isinstance(milliseconds, int) and not isinstance(milliseconds, bool)
        if choice not in list(Choice) or not isinstance(token, str) or not is_number:
            _log.warning("ignored what is not a press: %.200r", payload)
            return None
        bounded = min(max(cast(int, milliseconds), 0), _LONGEST_MS)
        return cls(choice=Choice(choice), token=token, milliseconds=bounded)


class Debounce:
    """Lets the first of a burst through and drops the rest, so that a held key counts once.

    The gap is measured from the last event, let through or not: a burst stays one burst however
    long it lasts.
    """

    def __init__(self, min_gap_s: float = MIN_GAP_S) -> None:
        self._min_gap_s = min_gap_s
        self._last_s: float | None = None

    def admits(self, now_s: float) -> bool:
        """Say whether an event at this time begins a new burst, and remember it."""
        is_first = self._last_s is None or now_s - self._last_s >= self._min_gap_s
        self.touch(now_s)
        return is_first

    def touch(self, now_s: float) -> None:
        """Remember that the last event took until now: repeats may have queued behind it."""
        self._last_s = now_s
