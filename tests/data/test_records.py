import dataclasses
import subprocess
from collections.abc import Callable

import pytest

from data.records import Choice, Comparison, Image, Pair, Prompt, Rater, RaterKind, Sampler

SAMPLER = Sampler(scheduler="ddim", num_steps=20, guidance=5.0, eta=1.0, width=64, height=64)


def drawn(**changes: object) -> str:
    given = {"sha256": "s", "policy": "base", "prompt_id": "p", "seed": 1, "sampler": SAMPLER}
    return Image.new(**{**given, **changes}).image_id  # type: ignore[arg-type]


def test_an_images_id_follows_from_how_it_was_drawn_and_nothing_else():
    assert drawn() == drawn(sha256="other", round=3)
    assert drawn() == drawn(sampler=dataclasses.replace(SAMPLER, guidance=5))
    changed = [
        drawn(policy="tuned"),
        drawn(prompt_id="q"),
        drawn(seed=2),
        drawn(adapter_sha256="f"),
        *(
            drawn(sampler=dataclasses.replace(SAMPLER, **{name: value}))
            for name, value in [("num_steps", 9), ("guidance", 1.0), ("eta", 0.0), ("width", 8)]
        ),
    ]
    assert len({drawn(), *changed}) == 1 + len(changed)


def test_a_pair_is_the_same_whichever_image_comes_first():
    one = Pair.new(round=1, prompt_id="p", image_a="x", image_b="y")
    other = Pair.new(round=1, prompt_id="p", image_a="y", image_b="x")
    assert one.pair_id == other.pair_id
    assert one.pair_id != Pair.new(round=2, prompt_id="p", image_a="x", image_b="y").pair_id


def test_a_simulated_rater_is_never_the_person_of_that_name():
    person, simulated = (Rater.new("ann", k) for k in (RaterKind.PERSON, RaterKind.SIMULATED))
    assert person.rater_id != simulated.rater_id


def test_a_comparisons_id_follows_from_its_key():
    def make(key: str | None) -> Comparison:
        return Comparison.new(
            pair_id="p", rater_id="r", choice=Choice.TIE, shown_left="x", idempotency_key=key
        )

    assert make("k").comparison_id == make("k").comparison_id
    assert make(None).comparison_id != make(None).comparison_id


def test_records_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Prompt.new("x").text = "y"  # type: ignore[misc]


@pytest.mark.parametrize(
    "module", ["records", "errors", "files", "entry", "config_file", "prompts"]
)
def test_light_modules_stay_light(module: str, python: Callable[..., subprocess.Popen[str]]):
    script = """
import importlib, sys
importlib.import_module(f"data.{sys.argv[1]}")
print(sorted({"torch", "pandas", "duckdb", "pyarrow", "numpy"} & set(sys.modules)))
"""
    assert python(script, module).communicate() == ("[]\n", "")
