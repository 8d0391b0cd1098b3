"""HPD v3: the better file, the other one, and how many votes each got.

Each vote is a comparison by somebody whose name is not told. A row without `choice_dist` is one
vote for the better file.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pyarrow

from data.exchange.added_columns import comparison_ids, kind_cell, rater_kind
from data.exchange.cells import Row
from data.exchange.format import Format, image_cell, refuse_all_but
from data.exchange.record import ExchangedComparison, Preference

_MOST_VOTES = 1000

_SCHEMA = pyarrow.schema(
    [
        ("prompt", pyarrow.string()),
        ("path1", pyarrow.string()),
        ("path2", pyarrow.string()),
        ("choice_dist", pyarrow.list_(pyarrow.int64())),
        ("confidence", pyarrow.float64()),
        ("model1", pyarrow.string()),
        ("model2", pyarrow.string()),
        ("rater_kind", pyarrow.string()),
        ("comparison_id", pyarrow.list_(pyarrow.string())),
    ]
)


def _read(rows: Iterator[Row]) -> Iterator[ExchangedComparison]:
    for row in rows:
        better, worse = _votes(row)
        said = [Preference.A] * better + [Preference.B] * worse
        comparison = ExchangedComparison(
            row=row.number,
            prompt=row.text("prompt"),
            image_a=row.image("path1"),
            image_b=row.image("path2"),
            policy_a=row.optional_text("model1"),
            policy_b=row.optional_text("model2"),
            preference=None,
            rater_kind=rater_kind(row),
        )
        for preference, known_by in zip(said, comparison_ids(row, len(said)), strict=True):
            yield replace(comparison, preference=preference, comparison_id=known_by)


def _votes(row: Row) -> tuple[int, int]:
    if not row.has("choice_dist"):
        return 1, 0
    votes = row.numbers("choice_dist", 2)
    better, worse = int(votes[0]), int(votes[1])
    is_sound = [better, worse] == votes and 0 <= worse <= better and 0 < better <= _MOST_VOTES
    if not is_sound:
        row.fail(
            "expected choice_dist to be two whole numbers of votes, the better image's first"
            f" and not the fewer, at most {_MOST_VOTES}; got {votes}"
        )
    return better, worse


def _write(comparisons: Sequence[ExchangedComparison]) -> Iterator[dict[str, Any]]:
    votes: dict[tuple[Any, ...], dict[Preference | None, list[str | None]]] = {}
    for each in comparisons:
        images = (each.image_a, each.image_b, each.policy_a, each.policy_b)
        pair = (each.prompt, *images, kind_cell(each))
        votes.setdefault(pair, {}).setdefault(each.preference, []).append(each.comparison_id)
    for (prompt, image_a, image_b, policy_a, policy_b, kind), ids_of in votes.items():
        sides = [
            (ids_of.get(Preference.A, []), image_a, policy_a),
            (ids_of.get(Preference.B, []), image_b, policy_b),
        ]
        sides.sort(key=lambda side: -len(side[0]))
        yield {
            "prompt": prompt,
            "choice_dist": [len(ids) for ids, *_ in sides],
            "confidence": None,
            "rater_kind": kind,
            "comparison_id": [known_by for ids, *_ in sides for known_by in ids],
        } | {
            name: value
            for number, (_, image, policy) in enumerate(sides, start=1)
            for name, value in ((f"path{number}", image_cell(image)), (f"model{number}", policy))
        }


HPD_V3 = Format(
    name="hpd-v3",
    about="Human Preference Dataset v3",
    loses=("who gave which vote", "sides", "milliseconds", "times", "families", "splits"),
    read=_read,
    refuses=refuse_all_but(Preference.A, Preference.B),
    write=_write,
    schema=_SCHEMA,
    containers=("jsonl", "parquet"),
)
