from pathlib import Path

import pytest

from data.json_lines import read_growing_json_lines, read_json_lines, write_json_lines

ODD = [{"text": f"a dog{letter}a cat"} for letter in "\u2028\u2029\u0085\x0b\x1e\r\n"]


def test_what_else_ends_lines_is_a_part_of_a_text(tmp_path: Path):
    path = tmp_path / "odd.jsonl"
    write_json_lines(path, ODD)
    assert read_json_lines(path) == read_growing_json_lines(path) == ODD


@pytest.mark.parametrize("line", ['{"a": ', "[1]", "\ufeff{}"])
def test_a_damaged_line_is_named(line: str, tmp_path: Path):
    path = tmp_path / "damaged.jsonl"
    path.write_text(f'{{"a": 1}}\n\n{line}\n', encoding="utf-8")
    for read in (read_json_lines, read_growing_json_lines):
        with pytest.raises(ValueError, match="line 3"):
            read(path)


def test_a_last_line_without_its_end_counts_only_where_nothing_is_added(tmp_path: Path):
    path = tmp_path / "growing.jsonl"
    path.write_text('{"a": 1}\n{"b": {}}')
    assert read_growing_json_lines(path) == [{"a": 1}]
    assert read_json_lines(path) == [{"a": 1}, {"b": {}}]
