"""Pairs made elsewhere: a folder of images, and a table that says which belong to which prompt.

A CSV table has a row per pair (`prompt`, `image_a`, `image_b`, where known `policy_a`, `policy_b`)
or a row per image (`prompt`, `image`, where known `policy`). A YAML table is a list of `prompt` and
`images`, where known with `policy`. Names of files are relative to the folder.

Where a table does not say which images meet, those of one prompt are paired in its order: the first
with the second, the third with the fourth and so on, and an odd last one with the first.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from data.errors import ExchangeError
from data.exchange.cells import Row
from data.exchange.reading import read_rows
from data.exchange.record import ExchangedComparison
from data.yaml_text import read_yaml

_PAIR = ("prompt", "image_a", "image_b", "policy_a", "policy_b")
_IMAGE = ("prompt", "image", "policy")
_LIST = ("prompt", "images", "policy")


def read_pairs(table: Path) -> Iterator[ExchangedComparison]:
    """Yield pairs that wait to be compared; an `ExchangeError` names the row that is wrong."""
    if table.suffix in (".yaml", ".yml"):
        for row in _yaml_rows(table):
            _refuse_unknown(row, _LIST)
            yield from _pair_up([(_name(row, each), row) for each in row.items("images")])
    elif table.suffix == ".csv":
        yield from _from_csv(read_rows(table))
    else:
        raise ExchangeError(f"{table}: expected a .csv, .yaml or .yml table of prompts")


def _name(row: Row, value: object) -> str:
    return Row(row.number, {"images": value}).text("images")


def _from_csv(rows: Iterator[Row]) -> Iterator[ExchangedComparison]:
    of_prompt: dict[str, list[tuple[str, Row]]] = {}
    for row in rows:
        if "image" not in row.cells:
            _refuse_unknown(row, _PAIR)
            yield _pair(row, row.text("image_a"), row.text("image_b"), "policy_a", "policy_b")
        else:
            _refuse_unknown(row, _IMAGE)
            of_prompt.setdefault(row.text("prompt"), []).append((row.text("image"), row))
    for images in of_prompt.values():
        yield from _pair_up(images)


def _pair_up(images: list[tuple[str, Row]]) -> Iterator[ExchangedComparison]:
    """Pair images of one prompt, each given with the row that named it."""
    if len(images) == 1:
        images[0][1].fail("the only image of its prompt; expected two or more of it")
    if len(images) % 2:
        images = [*images, images[0]]
    for (a, row), (b, other) in zip(images[::2], images[1::2], strict=True):
        yield replace(_pair(row, a, b, "policy"), policy_b=other.optional_text("policy"))


def _pair(row: Row, a: str, b: str, policy_a: str, policy_b: str = "") -> ExchangedComparison:
    return ExchangedComparison(
        row=row.number,
        prompt=row.text("prompt"),
        image_a=a,
        image_b=b,
        policy_a=row.optional_text(policy_a),
        policy_b=row.optional_text(policy_b),
        preference=None,
    )


def _yaml_rows(table: Path) -> Iterator[Row]:
    try:
        content = read_yaml(table.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise ExchangeError(f"{table}: no such file; expected a table of prompts") from None
    except (OSError, ValueError) as error:
        said = " ".join(str(error).split())[:200]
        raise ExchangeError(f"{table} is not readable as YAML ({said})") from None
    if not isinstance(content, list) or not content:
        raise ExchangeError(f"{table}: expected a list of `prompt` and `images`")
    for number, value in enumerate(content, start=1):
        if not isinstance(value, dict):
            raise ExchangeError(f"row {number}: expected `prompt` and `images`, got {value!r:.60}")
        yield Row(number, {str(key): each for key, each in value.items()})


def _refuse_unknown(row: Row, known: tuple[str, ...]) -> None:
    if unknown := [column for column in row.cells if column not in known]:
        row.fail(f"unknown column {unknown[0]!r}; known are {', '.join(known)}")
