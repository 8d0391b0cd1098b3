"""Comparisons of a workspace's own pairs: out as a table, and in again."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data.errors import ExchangeError, StoreError
from data.exchange.own_pairs import SUFFIXES, export_own, import_own
from data.exchange.reading import read_rows
from data.records import Choice, Comparison, Image, Pair, Prompt, Rater, RaterKind, Sampler
from data.snapshot import take_snapshot
from data.store import Store
from data.workspace import Workspace

Choose = Callable[..., Comparison]
Refill = Callable[..., None]
ODD = 'a dog\u2028a cat\u2029a frog\u0085a fox\x0b, a "wolf"\r and a bear'


@pytest.fixture
def compared(store: Store, choose: Choose, workspace: Workspace) -> Workspace:
    a, b, c, *_ = store.pairs()
    store.record_many(
        [
            choose(a, Choice.LEFT, milliseconds=1200),
            choose(b, Choice.LEFT, shown_left=b.image_b),
            choose(c, Choice.BOTH_BAD),
        ]
    )
    return workspace


@pytest.fixture
def copy(tmp_path: Path, refill: Refill) -> Workspace:
    """A copy of the workspace in which nobody has compared."""
    made = Workspace.create(tmp_path / "copy")
    refill(made)
    return made


def cells(file: Path, **changes: Any) -> list[dict[str, Any]]:
    return [row.cells | changes for row in read_rows(file)]


def write(file: Path, rows: list[dict[str, Any]]) -> Path:
    if file.suffix == ".jsonl":
        file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
        return file
    with file.open("w", newline="") as text:
        table = csv.DictWriter(text, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    return file


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_is_exported_comes_back_as_it_was(
    compared: Workspace, copy: Workspace, tmp_path: Path, suffix: str
):
    file = tmp_path / f"t{suffix}"
    snapshot = export_own(compared, file)
    assert (import_own(copy, file).num_comparisons, import_own(copy, file).num_known) == (3, 3)
    assert take_snapshot(copy).hash == snapshot.hash
    assert import_own(compared, file).num_known == 3
    assert len(compared.store().comparison_events()) == 3


@pytest.mark.parametrize(("suffix", "none"), [(".csv", ""), (".jsonl", None), (".jsonl", "")])
def test_an_empty_id_is_no_id(
    compared: Workspace, copy: Workspace, tmp_path: Path, suffix: str, none: str | None
):
    export_own(compared, tmp_path / "all.csv")
    file = write(tmp_path / f"t{suffix}", cells(tmp_path / "all.csv", comparison_id=none))
    added = import_own(copy, file)
    assert added.num_comparisons == len(copy.store().comparisons()) == 3
    ids = {comparison.comparison_id for comparison in copy.store().comparisons()}
    assert len(ids - {"", "None", None}) == 3
    assert import_own(copy, file).num_known == 3
    assert import_own(compared, file).num_known == 3  # they tell what is there
    assert len(compared.store().comparison_events()) == 3


def test_nor_need_there_be_ids_or_times(compared: Workspace, copy: Workspace, tmp_path: Path):
    export_own(compared, tmp_path / "all.csv")
    rows = cells(tmp_path / "all.csv")
    for row in rows:
        del row["comparison_id"], row["created_at"]
    file = write(tmp_path / "t.csv", rows)
    assert import_own(copy, file).num_comparisons == len(copy.store().comparisons()) == 3
    assert (import_own(copy, file).num_known, import_own(compared, file).num_known) == (3, 3)


def test_an_id_that_stands_for_two_answers_is_refused(
    compared: Workspace, copy: Workspace, tmp_path: Path
):
    export_own(compared, tmp_path / "all.csv")
    rows = cells(tmp_path / "all.csv")
    rows[2]["comparison_id"] = rows[0]["comparison_id"]
    file = write(tmp_path / "t.csv", rows)
    with pytest.raises(ExchangeError, match=r"t\.csv, row 3: the same comparison_id .* in row 1,"):
        import_own(copy, file)
    assert (copy.store().comparison_events(), len(copy.store().raters())) == ([], 1)


def test_a_row_that_is_there_twice_is_one(compared: Workspace, copy: Workspace, tmp_path: Path):
    export_own(compared, tmp_path / "all.csv")
    for changes in ({}, {"comparison_id": ""}):
        file = write(tmp_path / "t.csv", 2 * cells(tmp_path / "all.csv", **changes))
        import_own(copy, file)
        assert len(copy.store().comparison_events()) == 3
    assert import_own(copy, file).num_known == 6


def _compare_odd(workspace: Workspace) -> None:
    """Put a comparison of a prompt with all that ends a line on record."""
    store, prompt = workspace.store(), Prompt.new(ODD)
    sampler = Sampler(scheduler="ddim", num_steps=1, guidance=0, eta=0, width=1, height=1)
    images = [
        Image.new(sha256=s * 64, policy="base", prompt_id=prompt.prompt_id, seed=i, sampler=sampler)
        for i, s in enumerate("ab")
    ]
    ids = [image.image_id for image in images]
    pair = Pair.new(round=1, prompt_id=prompt.prompt_id, image_a=ids[0], image_b=ids[1])
    store.add_prompts([prompt])
    store.add_images(images)
    store.add_pairs([pair])
    rater = Rater.new("ann", RaterKind.PERSON)
    made = Comparison.new(
        pair_id=pair.pair_id, rater_id=rater.rater_id, choice=Choice.LEFT, shown_left=ids[0]
    )
    store.record_many([made])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_ends_lines_elsewhere_is_a_part_of_a_prompt(
    workspace: Workspace, tmp_path: Path, suffix: str
):
    _compare_odd(workspace)
    export_own(workspace, tmp_path / f"t{suffix}")
    assert cells(tmp_path / f"t{suffix}")[0]["prompt"] == ODD
    assert import_own(workspace, tmp_path / f"t{suffix}").num_known == 1


def test_other_editors_line_ends_and_marks_are_passed_over(
    compared: Workspace, copy: Workspace, tmp_path: Path
):
    file = tmp_path / "t.jsonl"
    export_own(compared, file)
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n") + b"\r\n")
    assert import_own(copy, file).num_comparisons == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"created_at": "0001-01-01T00:00:00+05:00"}, "within the calendar, got '0001-01-01T"),
        ({"created_at": "yesterday"}, "row 1: column 'created_at': expected a time such as"),
        ({"comparison_id": 7}, "row 1: column 'comparison_id': expected a text, got 7"),
        ({"choice": "undo"}, "row 1: column 'choice': expected one of a, b, tie"),
        ({"milliseconds": -1}, "row 1: column 'milliseconds': expected a whole number"),
        ({"rater": "\ud800"}, "row 1: the rater has characters that are no text"),
        ({"pair_id": "none"}, "row 1: pair none is not in this workspace"),
    ],
)
def test_what_means_nothing_is_one_line_and_adds_nothing(
    compared: Workspace, copy: Workspace, tmp_path: Path, changes: dict[str, Any], message: str
):
    export_own(compared, tmp_path / "all.jsonl")
    rows = cells(tmp_path / "all.jsonl", **changes)
    file = tmp_path / "t.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises((ExchangeError, StoreError), match=message) as refused:
        import_own(copy, file)
    assert str(refused.value).startswith(f"{file}, ")
    assert len(str(refused.value).splitlines()) == 1
    assert copy.store().comparison_events() == []


def test_a_file_of_another_kind_is_refused(compared: Workspace, tmp_path: Path):
    for verb in (export_own, import_own):
        with pytest.raises(ExchangeError, match=r"ends in \.csv, \.jsonl, \.parquet"):
            verb(compared, tmp_path / "t.xlsx")
    with pytest.raises(ExchangeError, match="no such file"):
        import_own(compared, tmp_path / "t.csv")
