"""What a format is: how its rows are read, what it can say, and how its rows are written."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow

from data.exchange.cells import Row
from data.exchange.record import ExchangedComparison, Preference

Container = Literal["parquet", "jsonl", "csv"]

HUGGING_FACE_IMAGE = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
"""How the datasets library keeps images in Parquet."""


@dataclass(frozen=True, slots=True)
class ImageCell:
    """Stands for an image in a row to be written, wherever in it.

    It becomes the path of a file beside the table, or, in a Parquet column of bytes, the bytes.
    """

    sha256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Format:
    """One convention for tables of comparisons.

    Attributes:
        name: As it is typed.
        about: In a few words.
        loses: What a comparison has and this format cannot keep.
        read: Makes comparisons of a table's rows.
        refuses: Says why one cannot be written, in words that can be counted; None if it can.
        write: Makes rows of comparisons whose images are `ImageCell`s' hashes.
        schema: Columns of the rows, in order.
        containers: What it can be written as, the default first.
    """

    name: str
    about: str
    loses: tuple[str, ...]
    read: Callable[[Iterator[Row]], Iterator[ExchangedComparison]]
    refuses: Callable[[ExchangedComparison], str | None]
    write: Callable[[Sequence[ExchangedComparison]], Iterator[dict[str, Any]]]
    schema: pyarrow.Schema
    containers: tuple[Container, ...] = ("parquet", "jsonl")


def refuse_all_but(*preferences: Preference) -> Callable[[ExchangedComparison], str | None]:
    """Return a `refuses` of a format that knows one aspect and these preferences only."""

    def refuses(comparison: ExchangedComparison) -> str | None:
        if comparison.aspect != "overall":
            return f"about {comparison.aspect}"
        if comparison.preference in preferences:
            return None
        return "not compared yet" if comparison.preference is None else comparison.preference

    return refuses


def image_cell(image: object) -> ImageCell:
    """Return the stand-in for an image to be written, which is told by its hash."""
    assert isinstance(image, str)
    return ImageCell(image)
