"""Pick-a-Pic v1 and v2: two images with their bytes, and how much each is preferred.

The image on the left is image 0.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow

from data.exchange.added_columns import comparison_id, kind_cell, rater_kind
from data.exchange.cells import Row
from data.exchange.format import Format, image_cell, refuse_all_but
from data.exchange.record import ExchangedComparison, Preference
from data.files import digest

_PREFERENCES = {
    (1.0, 0.0): Preference.A,
    (0.0, 1.0): Preference.B,
    (0.5, 0.5): Preference.TIE,
}
_LABELS = {preference: labels for labels, preference in _PREFERENCES.items()}

_NONE = -1
_USER = "pick-a-pic user "

_SCHEMA = pyarrow.schema(
    [
        ("are_different", pyarrow.bool_()),
        ("best_image_uid", pyarrow.string()),
        ("caption", pyarrow.string()),
        ("created_at", pyarrow.timestamp("ns")),
        ("has_label", pyarrow.bool_()),
        ("image_0_uid", pyarrow.string()),
        ("image_0_url", pyarrow.string()),
        ("image_1_uid", pyarrow.string()),
        ("image_1_url", pyarrow.string()),
        ("jpg_0", pyarrow.binary()),
        ("jpg_1", pyarrow.binary()),
        ("label_0", pyarrow.float64()),
        ("label_1", pyarrow.float64()),
        ("model_0", pyarrow.string()),
        ("model_1", pyarrow.string()),
        ("ranking_id", pyarrow.int64()),
        ("user_id", pyarrow.int64()),
        ("num_example_per_prompt", pyarrow.int64()),
        ("rater_kind", pyarrow.string()),
        ("comparison_id", pyarrow.string()),
    ]
)


def _read(rows: Iterator[Row]) -> Iterator[ExchangedComparison]:
    for row in rows:
        user = row.whole("user_id", default=_NONE)
        ranking = row.whole("ranking_id", default=_NONE)
        yield ExchangedComparison(
            row=row.number,
            prompt=row.text("caption"),
            image_a=row.image("jpg_0"),
            image_b=row.image("jpg_1"),
            policy_a=row.optional_text("model_0"),
            policy_b=row.optional_text("model_1"),
            preference=_preference(row) if row.truth("has_label", default=True) else None,
            a_is_left=True,
            rater=None if user == _NONE else f"{_USER}{user}",
            rater_kind=rater_kind(row),
            comparison_id=comparison_id(row),
            created_at=row.time("created_at"),
            own_id="" if ranking == _NONE else str(ranking),
        )


def _preference(row: Row) -> Preference:
    labels = (row.number_in("label_0"), row.number_in("label_1"))
    if labels not in _PREFERENCES:
        row.fail(
            f"expected labels 1 and 0, 0 and 1, or 0.5 twice; got {labels[0]:g}, {labels[1]:g}"
        )
    preference = _PREFERENCES[labels]
    uids = (row.optional_text("image_0_uid"), row.optional_text("image_1_uid"))
    best = row.optional_text("best_image_uid")
    said = {uids[0]: Preference.A, uids[1]: Preference.B}.get(best) if best else None
    if said not in (None, preference) and uids[0] != uids[1]:
        row.fail(
            f"best_image_uid and the labels {labels[0]:g}, {labels[1]:g} contradict each other"
        )
    return preference


def _write(comparisons: Sequence[ExchangedComparison]) -> Iterator[dict[str, Any]]:
    of_prompt = Counter(comparison.prompt for comparison in comparisons)
    for each in comparisons:
        assert each.preference is not None
        sides = [
            (each.image_a, each.policy_a, _LABELS[each.preference][0]),
            (each.image_b, each.policy_b, _LABELS[each.preference][1]),
        ]
        if not each.a_is_left:
            sides.reverse()
        best = next((image for image, _, label in sides if label == 1.0), "tie")
        yield {
            "are_different": True,
            "best_image_uid": best,
            "caption": each.prompt,
            "created_at": each.created_at,
            "has_label": True,
            "ranking_id": _as_number(each.comparison_id or ""),
            "user_id": _user_id(each.rater or ""),
            "num_example_per_prompt": of_prompt[each.prompt],
            "rater_kind": kind_cell(each),
            "comparison_id": each.comparison_id,
        } | {
            name: value
            for side, (image, policy, label) in enumerate(sides)
            for name, value in (
                (f"image_{side}_uid", image),
                (f"image_{side}_url", ""),
                (f"jpg_{side}", image_cell(image)),
                (f"label_{side}", label),
                (f"model_{side}", policy),
            )
        }


def _user_id(rater: str) -> int:
    """Return the number that a rater came with, else one that gives no name away."""
    number = rater.removeprefix(_USER)
    is_theirs = number != rater and number.isascii() and number.isdigit() and len(number) < 19
    return int(number) if is_theirs else _as_number(rater)


def _as_number(text: str) -> int:
    """Return a number of 60 bits that stands for a text."""
    return int(digest(text)[:15], 16)


PICK_A_PIC = Format(
    name="pick-a-pic",
    about="Pick-a-Pic v1 and v2",
    loses=("raters' names (numbers stand for them)", "milliseconds", "families", "splits"),
    read=_read,
    refuses=refuse_all_but(Preference.A, Preference.B, Preference.TIE),
    write=_write,
    schema=_SCHEMA,
)
