"""A Markdown document whose tables stand between comments, so that a program can renew them."""

from collections.abc import Mapping
from pathlib import Path

from data.errors import ConfigError
from data.files import write_atomically

_BEGIN = "<!-- table {name} -->\n"
_END = "<!-- end of table -->"


def fill(document: Path, tables: Mapping[str, str]) -> None:
    """Put each table between its comments.

    Raises `ConfigError` where the document has not exactly one place for one.
    """
    text = document.read_text(encoding="utf-8")
    for name, table in tables.items():
        begin = _BEGIN.format(name=name)
        if text.count(begin) != 1:
            raise ConfigError(
                f"{document} has {text.count(begin)} places for the table {name}; expected one, "
                f"{begin.strip()} and {_END} on lines of their own"
            )
        before, _, after = text.partition(begin)
        text = "".join((before, begin, table, "\n", *after.partition(_END)[1:]))
    write_atomically(document, text)
