"""HPD v2: two files and which is preferred, or several files ranked by each annotator.

The former (train.json) is read and written; the latter (test.json) is read only: each two images
of a ranking are a comparison by its annotator. The first file is taken for the left one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import pyarrow

from data.exchange.added_columns import comparison_id, kind_cell, rater_kind
from data.exchange.cells import Row
from data.exchange.format import Format, image_cell, refuse_all_but
from data.exchange.image_reward import preference_of_ranks
from data.exchange.record import ExchangedComparison, ImageSource, Preference

_MOST_IMAGES, _MOST_ANNOTATORS = 64, 1000

_SCHEMA = pyarrow.schema(
    [
        ("prompt", pyarrow.string()),
        ("file_path", pyarrow.list_(pyarrow.string())),
        ("human_preference", pyarrow.list_(pyarrow.int64())),
        ("rater_kind", pyarrow.string()),
        ("comparison_id", pyarrow.string()),
    ]
)


def _read(rows: Iterator[Row]) -> Iterator[ExchangedComparison]:
    for row in rows:
        if row.cells.get("image_path") is not None:
            yield from _rankings(row)
        else:
            yield _pair(row)


def _pair(row: Row) -> ExchangedComparison:
    first, second = (row.as_image("file_path", each) for each in row.items("file_path", 2))
    preferred_a, preferred_b = row.numbers("human_preference", 2)
    if {preferred_a, preferred_b} != {0.0, 1.0}:
        row.fail(f"expected human_preference [1, 0] or [0, 1], got {[preferred_a, preferred_b]}")
    preference = Preference.A if preferred_a else Preference.B
    told = _comparison(row, first, second, preference, None)
    return replace(told, comparison_id=comparison_id(row))


def _rankings(row: Row) -> Iterator[ExchangedComparison]:
    paths = row.items("image_path")
    images = [row.as_image("image_path", path) for path in paths]
    if not 2 <= len(images) <= _MOST_IMAGES:
        row.fail(f"expected 2 to {_MOST_IMAGES} images in image_path, got {len(images)}")
    for annotator, ranks in _annotators(row, len(images)):
        for a, b in combinations(range(len(images)), 2):
            preference = preference_of_ranks(ranks[a], ranks[b])
            yield _comparison(row, images[a], images[b], preference, annotator)


def _annotators(row: Row, num_images: int) -> Iterator[tuple[str | None, list[float]]]:
    if not row.has("raw_annotations"):
        yield None, row.numbers("rank", num_images)
        return
    annotations = row.items("raw_annotations")
    if not 1 <= len(annotations) <= _MOST_ANNOTATORS:
        row.fail(f"expected 1 to {_MOST_ANNOTATORS} raw_annotations, got {len(annotations)}")
    for annotation in annotations:
        if not isinstance(annotation, dict):
            row.fail("expected `rank` and `user_hash` in each of raw_annotations")
        inner = Row(row.number, annotation)
        user = inner.optional_text("user_hash")
        yield user and f"hpd-v2 {user}", inner.numbers("rank", num_images)


def _comparison(
    row: Row, a: ImageSource, b: ImageSource, preference: Preference, rater: str | None
) -> ExchangedComparison:
    return ExchangedComparison(
        row=row.number,
        prompt=row.text("prompt"),
        image_a=a,
        image_b=b,
        preference=preference,
        a_is_left=True,
        rater=rater,
        rater_kind=rater_kind(row),
    )


def _write(comparisons: Sequence[ExchangedComparison]) -> Iterator[dict[str, Any]]:
    for each in comparisons:
        sides = [(each.image_a, Preference.A), (each.image_b, Preference.B)]
        if not each.a_is_left:
            sides.reverse()
        yield {
            "prompt": each.prompt,
            "file_path": [image_cell(image) for image, _ in sides],
            "human_preference": [int(each.preference is preference) for _, preference in sides],
            "rater_kind": kind_cell(each),
            "comparison_id": each.comparison_id,
        }


HPD_V2 = Format(
    name="hpd-v2",
    about="Human Preference Dataset v2, as in its train.json",
    loses=("raters", "image models", "milliseconds", "times", "families", "splits"),
    read=_read,
    refuses=refuse_all_but(Preference.A, Preference.B),
    write=_write,
    schema=_SCHEMA,
    containers=("jsonl", "parquet"),
)
