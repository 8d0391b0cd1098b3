"""What comparisons teach: the cells, and what is made of their records."""

import json

import pytest

from benchmarks.learning.experiments import EXPERIMENTS, cells
from benchmarks.learning.tables import FITS, SIZES, UNTOUCHED, groups, make_tables
from benchmarks.learning.write import WriteConfig, write_all


def record(variant, size, seed, value):
    right = {"value": value, "low": value - 0.1, "high": value + 0.1}
    step = {"unseen": right, "compared": right, "comparisons": size}
    return {"experiment": "curve", "variant": variant, "seed": seed, "steps": [step]}


@pytest.fixture
def records():
    known = [record(UNTOUCHED, 0, seed, 0.7) for seed in (0, 1)]
    return known + [
        record(f"{fit}, {size}", size, seed, 0.8 + seed / 10)
        for fit in ("both towers", "frozen")
        for size in SIZES[:2]
        for seed in (0, 1)
    ]


def test_every_cell_has_a_file_of_its_own():
    names = [cell.name for name in EXPERIMENTS for seed in (0, 1) for cell in cells(name, seed)]
    assert len(set(names)) == len(names)
    assert {f"curve-frozen-{size}-1" for size in SIZES} < set(names)


def test_rows_are_by_size_and_by_what_learns(records):
    rows = [(variant, steps[0]["comparisons"]) for variant, steps in groups("curve", records)]
    fits = [FITS[0], FITS[-1]]
    assert rows == [(UNTOUCHED, 0), *((fit, size) for size in SIZES[:2] for fit in fits)]


def test_a_table_says_mean_and_range_and_that_others_were_not_run(records):
    tables = make_tables(records)
    assert "| frozen | 250 | 2 | .850 (.800 to .900) |" in tables["learning curve"]
    assert tables["learning ties"] == "Not run yet."


def test_figure_and_tables_are_made_from_the_records_alone(records, tmp_path):
    results, document = tmp_path / "results", tmp_path / "results.md"
    results.mkdir()
    for number, each in enumerate(records):
        (results / f"{number}.json").write_text(json.dumps(each))
    places = [f"<!-- table {name} -->\n<!-- end of table -->\n" for name in make_tables(records)]
    document.write_text("".join(places))
    write_all(WriteConfig(results=results, figures=tmp_path, document=document))
    assert make_tables(records)["learning curve"] in document.read_text()
    assert (tmp_path / "learning-curve.png").read_bytes().startswith(b"\x89PNG")
