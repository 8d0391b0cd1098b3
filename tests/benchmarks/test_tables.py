from benchmarks.taste.control import CONTROLS
from benchmarks.taste.figures import BASE, TUNED
from benchmarks.taste.tables import make_tables

PARTS = ("train", "paper", "unseen")
VALUES = ("color", "count", "composition", "location", "diversity", "quality")


def estimate(value):
    return {"value": value, "low": value - 0.1, "high": value + 0.1}


def seed_figures(number, *, base, tuned):
    level = {BASE: base, TUNED: tuned, **dict.fromkeys(CONTROLS, base)}
    return {
        "seed": number,
        "policies": {
            name: {part: estimate(value) for part in PARTS + VALUES}
            for name, value in level.items()
        },
        "gain": {part: estimate(tuned - base) for part in PARTS},
        "ahead_of": {name: {part: estimate(tuned - base) for part in PARTS} for name in CONTROLS},
        "reward_model": {
            split: {name: estimate(0.5) for name in ("reward", "clip", "gain")}
            for split in ("train", "unseen")
        },
        "kl": {TUNED: 7.25, **dict.fromkeys(CONTROLS, 1.0)},
    }


def test_tables_have_a_column_per_seed_and_say_what_was_measured():
    tables = make_tables(
        [seed_figures(0, base=0.4, tuned=0.65), seed_figures(7, base=0.5, tuned=0.3)]
    )
    lines = tables.splitlines()
    assert lines[0].endswith("| seed 0 | seed 7 | mean |")
    assert lines[1] == "| --- | --- | --- | --- |"
    assert (
        "| alignment, trained prompts: base | .400 (.300 to .500) | .500 (.400 to .600) | .450 |"
        in lines
    )
    assert (
        "| alignment, trained prompts: **gain on the base** "
        "| +.250 (.150 to .350) | -.200 (-.300 to -.100) | +.025 |" in lines
    )
    assert "| count: base, after | .400, .650 | .500, .300 | .450, .475 |" in lines
    assert any(line.endswith("after one round | 7.2 | 7.2 | 7.2 |") for line in lines)
    assert len({line.count("|") for line in lines if line}) == 1
