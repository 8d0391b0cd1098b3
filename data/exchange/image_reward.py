"""ImageRewardDB: pairs of a better and a worse image, or single images with their rank.

Pairs are read and written; ranked images are read only: each two of one prompt are a comparison,
the lower rank is preferred and equal ranks are a tie. The rows of one prompt must follow each
other, as they do in the data set.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations, groupby
from typing import Any

import pyarrow

from data.exchange.added_columns import comparison_id, kind_cell, rater_kind
from data.exchange.cells import Row
from data.exchange.format import HUGGING_FACE_IMAGE, Format, image_cell, refuse_all_but
from data.exchange.record import ExchangedComparison, Preference
from data.files import digest

_LARGEST_GROUP = 64
"""Images of one prompt; the data set has at most nine."""

_SCHEMA = pyarrow.schema(
    [
        ("prompt_id", pyarrow.string()),
        ("prompt", pyarrow.string()),
        ("classification", pyarrow.string()),
        ("img_better", HUGGING_FACE_IMAGE),
        ("img_worse", HUGGING_FACE_IMAGE),
        ("rater_kind", pyarrow.string()),
        ("comparison_id", pyarrow.string()),
    ]
)


def _read(rows: Iterator[Row]) -> Iterator[ExchangedComparison]:
    for prompt_id, of_prompt in groupby(rows, _group):
        if isinstance(prompt_id, str):
            yield from _ranked(list(_at_most(_LARGEST_GROUP, of_prompt)))
        else:
            yield from map(_pair, of_prompt)


def _group(row: Row) -> str | None:
    """Return the prompt of a ranked image; None for a pair."""
    is_ranked = row.has("rank") and not row.has("img_better")
    return row.text("prompt_id" if row.has("prompt_id") else "prompt") if is_ranked else None


def _at_most(number: int, rows: Iterator[Row]) -> Iterator[Row]:
    for place, row in enumerate(rows):
        if place >= number:
            row.fail(f"more than {number} images of one prompt in a ranking")
        yield row


def _pair(row: Row) -> ExchangedComparison:
    return ExchangedComparison(
        row=row.number,
        prompt=row.text("prompt"),
        image_a=row.image("img_better"),
        image_b=row.image("img_worse"),
        preference=Preference.A,
        rater_kind=rater_kind(row),
        comparison_id=comparison_id(row),
        family=row.optional_text("classification") or "",
    )


def _ranked(rows: list[Row]) -> Iterator[ExchangedComparison]:
    if len(rows) == 1:
        rows[0].fail("the only image of its prompt; expected two or more, one after another")
    for first, second in combinations(rows, 2):
        if first.text("prompt") != second.text("prompt"):
            second.fail(f"another prompt than in row {first.number}, under the same prompt_id")
        yield ExchangedComparison(
            row=second.number,
            prompt=first.text("prompt"),
            image_a=first.image("image"),
            image_b=second.image("image"),
            preference=preference_of_ranks(first.whole("rank"), second.whole("rank")),
            rater_kind=rater_kind(first),
            family=first.optional_text("classification") or "",
        )


def preference_of_ranks(rank_a: float, rank_b: float) -> Preference:
    """Return what two ranks say, of which the lower is the better."""
    if rank_a == rank_b:
        return Preference.TIE
    return Preference.A if rank_a < rank_b else Preference.B


def _write(comparisons: Sequence[ExchangedComparison]) -> Iterator[dict[str, Any]]:
    for each in comparisons:
        better, worse = each.image_a, each.image_b
        if each.preference is Preference.B:
            better, worse = worse, better
        yield {
            "prompt_id": digest(each.prompt),
            "prompt": each.prompt,
            "classification": each.family,
            "img_better": image_cell(better),
            "img_worse": image_cell(worse),
            "rater_kind": kind_cell(each),
            "comparison_id": each.comparison_id,
        }


IMAGE_REWARD = Format(
    name="image-reward",
    about="ImageRewardDB, as pairs",
    loses=("raters", "sides", "image models", "milliseconds", "times", "splits"),
    read=_read,
    refuses=refuse_all_but(Preference.A, Preference.B),
    write=_write,
    schema=_SCHEMA,
)
