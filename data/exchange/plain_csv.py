"""Plain CSV with a column for everything that a comparison has; only four of them are needed."""

from collections.abc import Iterator, Sequence
from typing import Any, get_args

import pyarrow

from data.exchange.added_columns import comparison_id, kind_cell, rater_kind
from data.exchange.cells import Row
from data.exchange.format import Format, image_cell
from data.exchange.record import ExchangedComparison, Preference
from data.records import Aspect, Split

_COLUMNS = (
    "prompt", "image_a", "image_b", "choice", "shown_left", "rater", "rater_kind", "aspect",
    "milliseconds", "created_at", "policy_a", "policy_b", "family", "split", "comparison_id",
)  # fmt: skip
_CHOICES = {preference.value: preference for preference in Preference}
_ASPECTS = {aspect.value: aspect for aspect in Aspect}
_SPLITS: dict[str, Split] = {split: split for split in get_args(Split)}


def _read(rows: Iterator[Row]) -> Iterator[ExchangedComparison]:
    for row in rows:
        if unknown := [column for column in row.cells if column not in _COLUMNS]:
            row.fail(f"unknown column {unknown[0]!r}; known are {', '.join(_COLUMNS)}")
        if "choice" not in row.cells:
            row.word("choice", _CHOICES)
        yield ExchangedComparison(
            row=row.number,
            prompt=row.text("prompt"),
            image_a=row.image("image_a"),
            image_b=row.image("image_b"),
            policy_a=row.optional_text("policy_a"),
            policy_b=row.optional_text("policy_b"),
            preference=row.word("choice", _CHOICES) if row.has("choice") else None,
            a_is_left=row.word("shown_left", {"a": True, "b": False})
            if row.has("shown_left")
            else None,
            rater=row.optional_text("rater"),
            rater_kind=rater_kind(row),
            comparison_id=comparison_id(row),
            aspect=row.word("aspect", _ASPECTS, default=Aspect.OVERALL),
            milliseconds=row.whole("milliseconds", default=0),
            created_at=row.time("created_at"),
            family=row.optional_text("family") or "",
            split=row.word("split", _SPLITS) if row.has("split") else None,
        )


def _write(comparisons: Sequence[ExchangedComparison]) -> Iterator[dict[str, Any]]:
    for each in comparisons:
        yield {
            "prompt": each.prompt,
            "image_a": image_cell(each.image_a),
            "image_b": image_cell(each.image_b),
            "choice": each.preference,
            "shown_left": None if each.a_is_left is None else "ba"[each.a_is_left],
            "rater": each.rater,
            "rater_kind": kind_cell(each),
            "comparison_id": each.comparison_id,
            "aspect": each.aspect.value,
            "milliseconds": each.milliseconds,
            "created_at": each.created_at and each.created_at.isoformat(),
            "policy_a": each.policy_a,
            "policy_b": each.policy_b,
            "family": each.family,
            "split": each.split,
        }


CSV = Format(
    name="csv",
    about="plain CSV, which keeps everything but rounds, seeds and samplers",
    loses=(),
    read=_read,
    refuses=lambda _: None,
    write=_write,
    schema=pyarrow.schema([(column, pyarrow.string()) for column in _COLUMNS]),
    containers=("csv",),
)
