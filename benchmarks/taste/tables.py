"""The figures of all seeds as the Markdown tables of docs/results.md."""

from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.taste.control import CLIP, UNCOMPARED
from benchmarks.taste.figures import BASE, TUNED

Row = Callable[[dict[str, Any]], str]

SAID = {
    BASE: "base",
    CLIP: "control: RL on untouched CLIP similarity",
    UNCOMPARED: "control: RL on contrast, no comparison",
    TUNED: "after one round",
}


def make_tables(seeds: list[dict[str, Any]]) -> str:
    """Return both tables, a column per seed; intervals as they are on file, 95 % over prompts."""
    return "\n\n".join(_table(seeds, rows) for rows in (_policy_rows(), _reward_rows()))


def _table(seeds: list[dict[str, Any]], rows: Iterator[tuple[str, Row]]) -> str:
    titles = ["", *(f"seed {seed['seed']}" for seed in seeds)]
    lines = [titles, ["---"] * len(titles)]
    lines += [[name, *(cell(seed) for seed in seeds)] for name, cell in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _policy_rows() -> Iterator[tuple[str, Row]]:
    for part, name in (
        ("train", "alignment, trained prompts"),
        ("paper", "alignment, the paper's four"),
        ("unseen", "alignment, unseen prompts"),
    ):
        for policy, said in SAID.items():
            yield f"{name}: {said}", _path("policies", policy, part)
        yield f"**gain on the base**, {part}", _path("gain", part, signed=True)
        for control in (CLIP, UNCOMPARED):
            yield (
                f"ahead of the {SAID[control]}, {part}",
                _path("ahead_of", control, part, signed=True),
            )
    for family in ("color", "count", "composition", "location"):
        yield f"{family}: base, after", _both(family)
    yield (
        "diversity within a trained prompt (mean cosine distance): base, after",
        _both("diversity"),
    )
    yield "drawing quality, trained prompts: base, after", _both("quality")
    for policy in (CLIP, UNCOMPARED, TUNED):
        yield (
            f"KL to the base in the last ten iterations, nats an image: {SAID[policy]}",
            _kl(policy),
        )


def _reward_rows() -> Iterator[tuple[str, Row]]:
    for split, name in (("train", "trained"), ("unseen", "unseen")):
        yield f"{name} prompts: fitted reward", _path("reward_model", split, "reward")
        yield f"{name} prompts: untouched CLIP similarity", _path("reward_model", split, "clip")
        yield f"**gain**, {name} prompts", _path("reward_model", split, "gain", signed=True)


def _path(*keys: str, signed: bool = False) -> Row:
    def cell(seed: dict[str, Any]) -> str:
        value: Any = seed
        for key in keys:
            value = value[key]
        low, high = (_number(value[end]) for end in ("low", "high"))
        return f"{_number(value['value'], signed=signed)} ({low} to {high})"

    return cell


def _both(name: str) -> Row:
    return lambda seed: ", ".join(
        _number(seed["policies"][policy][name]["value"]) for policy in (BASE, TUNED)
    )


def _kl(policy: str) -> Row:
    return lambda seed: f"{seed['kl'][policy]:.1f}"


def _number(value: float, *, signed: bool = False) -> str:
    """Write a share as the documents do: three digits, no zero before the point."""
    text = f"{value:+.3f}" if signed else f"{value:.3f}"
    return text.replace("0.", ".", 1)
