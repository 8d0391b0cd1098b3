"""One row of a table, and its cells read strictly: what is not as expected names row and column."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NoReturn, TypeVar

from data.exchange.checks import refuse
from data.exchange.record import ImageSource

WordT = TypeVar("WordT")


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of one row by their column; those of missing columns are None."""

    number: int
    """From 1, headings not counted."""
    cells: dict[str, Any]

    def fail(self, problem: str) -> NoReturn:
        """Refuse the row: an `ExchangeError` with its number."""
        refuse(self.number, problem)

    def has(self, column: str) -> bool:
        """Whether there is something in a cell."""
        return self.cells.get(column) not in (None, "")

    def text(self, column: str) -> str:
        """Return a text that is not empty."""
        value = self.cells.get(column)
        if not isinstance(value, str) or not value.strip():
            self._expected(column, "a text", value)
        return value

    def optional_text(self, column: str) -> str | None:
        """Return a text, or None where the cell is empty or its column missing."""
        return self.text(column) if self.has(column) else None

    def number_in(self, column: str) -> float:
        """Return a finite number."""
        return self._number(column, self.cells.get(column))

    def whole(self, column: str, default: int | None = None) -> int:
        """Return a whole number of 0 or more, also one that is written as a text."""
        value = self.cells.get(column)
        if value in (None, "") and default is not None:
            return default
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
            value = int(value)
        if isinstance(value, float) and value.is_integer():  # pandas makes these beside gaps
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
            self._expected(column, "a whole number of 0 or more", value)
        return value

    def word(self, column: str, known: dict[str, WordT], default: WordT | None = None) -> WordT:
        """Return what one of the known words stands for."""
        value = self.cells.get(column)
        if value in (None, "") and default is not None:
            return default
        if not isinstance(value, str) or value not in known:
            self._expected(column, f"one of {', '.join(known)}", value)
        return known[value]

    def truth(self, column: str, default: bool) -> bool:
        """Return whether something holds."""
        value = self.cells.get(column)
        if value is None:
            return default
        if not isinstance(value, bool):
            self._expected(column, "true or false", value)
        return value

    def numbers(self, column: str, length: int | None = None) -> list[float]:
        """Return a list of finite numbers, of a given length where one is asked for."""
        value = self.items(column, length)
        return [self._number(column, each) for each in value]

    def items(self, column: str, length: int | None = None) -> Sequence[Any]:
        """Return a list, of a given length where one is asked for."""
        value = self.cells.get(column)
        if not isinstance(value, list) or (length is not None and len(value) != length):
            self._expected(column, "a list" if length is None else f"a list of {length}", value)
        return value

    def time(self, column: str) -> datetime | None:
        """Return a time as naive UTC, or None where there is none; ISO 8601 where it is a text."""
        value = self.cells.get(column)
        if value in (None, ""):
            return None
        if isinstance(value, str):
            try:
                value = datetime.fromisoformat(value)
            except ValueError:
                self._expected(column, "a time such as 2026-01-31T12:00:00", value)
        if not isinstance(value, datetime):
            self._expected(column, "a time", value)
        try:
            return value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
        except OverflowError:
            self._expected(column, "a time within the calendar", self.cells.get(column))

    def image(self, column: str) -> ImageSource:
        """Return an image: bytes, a path, or one of them in `{bytes, path}`."""
        return self.as_image(column, self.cells.get(column))

    def as_image(self, column: str, value: object) -> ImageSource:
        """Return what a cell, or a part of one, says of an image."""
        if isinstance(value, dict):
            value = value.get("bytes") or value.get("path")
        if not isinstance(value, bytes | str) or not value:
            self._expected(column, "an image's bytes or the path of its file", value)
        return value

    def _number(self, column: str, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            self._expected(column, "a number", value)
        try:
            number = float(value)
        except OverflowError:  # a whole number of hundreds of digits
            number = math.inf
        if not math.isfinite(number):
            self._expected(column, "a finite number", value)
        return number

    def _expected(self, column: str, expected: str, value: object) -> NoReturn:
        if column not in self.cells:
            self.fail(f"there is no column {column!r}; expected {expected} in it")
        short = value[:60] if isinstance(value, bytes | str) else value
        said = "nothing" if value is None else repr(short)
        said = said if len(said) <= 70 else f"{said[:70]}…"
        self.fail(f"column {column!r}: expected {expected}, got {said}")
