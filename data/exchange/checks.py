"""Whether texts of a table can be kept; what cannot is refused with its row."""

from typing import NoReturn

from data.errors import ExchangeError
from data.plain_text import can_be_kept

LONGEST_NAME = 200


def check_name(row: int, noun: str, name: str) -> None:
    """Refuse a name that cannot be shown in a line."""
    check_text(row, noun, name, LONGEST_NAME)
    if not name.isprintable():
        refuse(row, f"the {noun} {name[:60]!r} has characters that cannot be shown")


def check_text(row: int, noun: str, text: str, longest: int) -> None:
    """Refuse a text that is too long, or that the store cannot hold."""
    if len(text) > longest:
        refuse(row, f"the {noun} has {len(text)} characters; at most {longest} are allowed")
    if not can_be_kept(text):
        refuse(row, f"the {noun} has characters that are no text")


def refuse(row: int, problem: str) -> NoReturn:
    """Raise an `ExchangeError` with the number of the row."""
    raise ExchangeError(f"row {row}: {problem}")
