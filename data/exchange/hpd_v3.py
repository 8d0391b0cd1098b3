"""HPD v3: the better file, the other one, and how many votes each got.

Each vote is a comparison by somebody whose name is not told. A row without `choice_dist` is one
vote for the better file.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow

from data.exchange.cells import Row
from data.exchange.format import Format, image_cell, refuse_all_but
from data.exchange.kinds import kind_cell, rater_kind
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
    ]
)


def _read(rows: Iterator[Row]) -> Iterator[ExchangedComparison]:
    for row in rows:
        for preference, votes in zip((Preference.A, Preference.B), _votes(row), strict=True):
            comparison = ExchangedComparison(
                row=row.number,
                prompt=row.text("prompt"),
                image_a=row.image("path1"),
                image_b=row.image("path2"),
                policy_a=row.optional_text("model1"),
                policy_b=row.optional_text("model2"),
                preference=preference,
                rater_kind=rater_kind(row),
            )
            for _ in range(votes):
                yield comparison


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
    votes: dict[tuple[Any, ...], Counter[Preference | None]] = {}
    for each in comparisons:
        images = (each.image_a, each.image_b, each.policy_a, each.policy_b)
        pair = (each.prompt, *images, kind_cell(each))
        votes.setdefault(pair, Counter())[each.preference] += 1
    for (prompt, image_a, image_b, policy_a, policy_b, kind), counted in votes.items():
        sides = [
            (counted[Preference.A], image_a, policy_a),
            (counted[Preference.B], image_b, policy_b),
        ]
        sides.sort(key=lambda side: -side[0])
        yield {
            "prompt": prompt,
            "choice_dist": [side[0] for side in sides],
            "confidence": None,
            "rater_kind": kind,
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
