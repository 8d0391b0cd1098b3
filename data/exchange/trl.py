"""TRL's preference type: a prompt, a chosen and a rejected answer, here images.

Written as conversations whose answers are one image each; `images` holds them in the order in
which they are mentioned, the chosen one first. Read are these, and plain rows in which `prompt` is
a text and `chosen` and `rejected` are images themselves.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow

from data.exchange.added_columns import comparison_id, kind_cell, rater_kind
from data.exchange.cells import Row
from data.exchange.format import HUGGING_FACE_IMAGE, Format, image_cell, refuse_all_but
from data.exchange.record import ExchangedComparison, Preference

_PART = pyarrow.struct([("type", pyarrow.string()), ("text", pyarrow.string())])
_MESSAGE = pyarrow.struct([("role", pyarrow.string()), ("content", pyarrow.list_(_PART))])
_MESSAGES = pyarrow.list_(_MESSAGE)

_SCHEMA = pyarrow.schema(
    [
        ("prompt", _MESSAGES),
        ("chosen", _MESSAGES),
        ("rejected", _MESSAGES),
        ("images", pyarrow.list_(HUGGING_FACE_IMAGE)),
        ("rater_kind", pyarrow.string()),
        ("comparison_id", pyarrow.string()),
    ]
)


def _read(rows: Iterator[Row]) -> Iterator[ExchangedComparison]:
    for row in rows:
        is_conversation = isinstance(row.cells.get("prompt"), list)
        if is_conversation:
            _expect_one_image(row, "chosen")
            _expect_one_image(row, "rejected")
            chosen, rejected = (row.as_image("images", each) for each in row.items("images", 2))
        else:
            chosen, rejected = row.image("chosen"), row.image("rejected")
        yield ExchangedComparison(
            row=row.number,
            prompt=_said(row) if is_conversation else row.text("prompt"),
            image_a=chosen,
            image_b=rejected,
            preference=Preference.A,
            rater_kind=rater_kind(row),
            comparison_id=comparison_id(row),
        )


def _parts(row: Row, column: str) -> list[dict[str, Any]]:
    """Return the parts of the one message in a conversation."""
    [message] = row.items(column, 1)
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if not isinstance(content, list) or not all(isinstance(part, dict) for part in content):
        row.fail(f"column {column!r}: expected one message with its content")
    return content


def _said(row: Row) -> str:
    parts = _parts(row, "prompt")
    texts = [part.get("text") for part in parts]
    if len(texts) != 1 or not isinstance(texts[0], str):
        row.fail("column 'prompt': expected one text and no image in it")
    return Row(row.number, {"prompt": texts[0]}).text("prompt")


def _expect_one_image(row: Row, column: str) -> None:
    if [part.get("type") for part in _parts(row, column)] != ["image"]:
        row.fail(f"column {column!r}: expected one message that is one image")


def _write(comparisons: Sequence[ExchangedComparison]) -> Iterator[dict[str, Any]]:
    answer = [{"role": "assistant", "content": [{"type": "image", "text": None}]}]
    for each in comparisons:
        images = [each.image_a, each.image_b]
        if each.preference is Preference.B:
            images.reverse()
        asked = {"role": "user", "content": [{"type": "text", "text": each.prompt}]}
        yield {
            "prompt": [asked],
            "chosen": answer,
            "rejected": answer,
            "images": [image_cell(image) for image in images],
            "rater_kind": kind_cell(each),
            "comparison_id": each.comparison_id,
        }


TRL = Format(
    name="trl",
    about="TRL's preference type, with images as answers",
    loses=("raters", "sides", "image models", "milliseconds", "times", "families", "splits"),
    read=_read,
    refuses=refuse_all_but(Preference.A, Preference.B),
    write=_write,
    schema=_SCHEMA,
)
