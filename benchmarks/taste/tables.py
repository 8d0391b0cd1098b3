"""The figures of all seeds as the Markdown tables of docs/results.md."""

from collections.abc import Callable, Iterator
from statistics import fmean
from typing import Any

from benchmarks.taste.control import CLIP, UNCOMPARED
from benchmarks.taste.figures import BASE, TUNED

Figure = dict[str, float]
"""A value, and the low and high end of its interval where there is one."""
Pick = Callable[[dict[str, Any]], list[Figure]]

SAID = {
    BASE: "base",
    CLIP: "control: RL on untouched CLIP similarity",
    UNCOMPARED: "control: RL on contrast, no comparison",
    TUNED: "after one round",
}


def make_tables(seeds: list[dict[str, Any]]) -> str:
    """Return both tables: a column per seed, intervals as they are on file, and the mean."""
    tables = (
        ("share of images that meet their prompt, and what else changed", _policy_rows()),
        ("share of pairs of the base's images ordered as the judge does", _reward_rows()),
    )
    return "\n\n".join(_table(title, seeds, rows) for title, rows in tables)


def _table(title: str, seeds: list[dict[str, Any]], rows: Iterator[tuple[str, Pick]]) -> str:
    titles = [title, *(f"seed {seed['seed']}" for seed in seeds), "mean"]
    lines = [titles, ["---"] * len(titles)]
    lines += [[name, *_cells(seeds, pick, signed="gain" in name)] for name, pick in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cells(seeds: list[dict[str, Any]], pick: Pick, *, signed: bool) -> list[str]:
    cells = [pick(seed) for seed in seeds]
    mean = [{"value": fmean(f["value"] for f in figures)} for figures in zip(*cells, strict=True)]
    return [", ".join(_written(f, signed=signed) for f in cell) for cell in [*cells, mean]]


def _policy_rows() -> Iterator[tuple[str, Pick]]:
    for part, name in (
        ("train", "alignment, trained prompts"),
        ("paper", "alignment, the paper's four"),
        ("unseen", "alignment, unseen prompts"),
    ):
        for policy, said in SAID.items():
            yield f"{name}: {said}", _at("policies", policy, part)
        yield f"{name}: **gain on the base**", _at("gain", part)
        for control in (CLIP, UNCOMPARED):
            yield f"{name}: gain on the {SAID[control]}", _at("ahead_of", control, part)
    for family in ("color", "count", "composition", "location"):
        yield f"{family}: base, after", _before_and_after(family)
    yield (
        "diversity within a trained prompt (mean cosine distance): base, after",
        _before_and_after("diversity"),
    )
    yield "drawing quality, trained prompts: base, after", _before_and_after("quality")
    for policy in (CLIP, UNCOMPARED, TUNED):
        yield (
            f"KL to the base in the last ten iterations, nats an image: {SAID[policy]}",
            _kl(policy),
        )


def _reward_rows() -> Iterator[tuple[str, Pick]]:
    for split, name in (("train", "trained"), ("unseen", "unseen")):
        yield f"{name} prompts: fitted reward", _at("reward_model", split, "reward")
        yield f"{name} prompts: untouched CLIP similarity", _at("reward_model", split, "clip")
        yield f"**gain**, {name} prompts", _at("reward_model", split, "gain")


def _at(*keys: str) -> Pick:
    def pick(seed: dict[str, Any]) -> list[Figure]:
        value: Any = seed
        for key in keys:
            value = value[key]
        return [value]

    return pick


def _before_and_after(name: str) -> Pick:
    return lambda seed: [
        {"value": seed["policies"][policy][name]["value"]} for policy in (BASE, TUNED)
    ]


def _kl(policy: str) -> Pick:
    return lambda seed: [{"value": seed["kl"][policy]}]


def _written(figure: Figure, *, signed: bool) -> str:
    value = _number(figure["value"], signed=signed)
    if "low" not in figure:
        return value
    return f"{value} ({_number(figure['low'])} to {_number(figure['high'])})"


def _number(value: float, *, signed: bool = False) -> str:
    """Write shares in three digits with no zero before the point, larger figures in one."""
    if abs(value) > 1:
        return f"{value:.1f}"
    text = f"{value:+.3f}" if signed else f"{value:.3f}"
    return text.replace("0.", ".", 1) if abs(value) < 1 else text
