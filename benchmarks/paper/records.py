"""A run as a file that figures and tables are made from: what it was, its curves, its measures.

Numbers have four digits, and rewards go by what they are for: nothing of the machine is in it.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.paper.experiments import Experiment
from data.files import write_atomically
from data.json_lines import read_json_lines
from rl_finetune.config import TuneConfig

Record = dict[str, Any]

AVERAGED_IMAGES = 384
"""Images over whose iterations a curve is averaged."""


def record_of(experiment: Experiment, *, seed: int, run: Path, config: TuneConfig) -> Record:
    """Return what a finished run was told and how it went; rewards still go by their places."""
    iterations = read_json_lines(run / "metrics.jsonl")
    return {
        "experiment": experiment.name,
        "about": experiment.about,
        "preset": experiment.preset,
        "changes": experiment.changes,
        "prompts": experiment.prompts,
        "seed": seed,
        "num_images": iterations[-1]["num_images"],
        "images_per_iteration": config.sampling.num_images,
        "minutes": sum(_seconds(iteration) for iteration in iterations) / 60,
        "curve": {
            "num_images": [iteration["num_images"] for iteration in iterations],
            "kl": [iteration["kl"] for iteration in iterations],
            f"reward {config.reward}": [iteration["reward"] for iteration in iterations],
        }
        | {
            f"reward {name}": [iteration["watched"][name] for iteration in iterations]
            for name in config.watch
        },
    }


def _seconds(iteration: Mapping[str, Any]) -> float:
    return sum(iteration[f"seconds_{part}"] for part in ("sample", "score", "update"))


def write_record(path: Path, record: Record, roles: Mapping[str, str]) -> None:
    """Write a record, with every reward's place replaced by what it is for."""
    text = json.dumps(_rounded(_renamed(record, roles)), ensure_ascii=False)
    write_atomically(path, text + "\n")


def _renamed(value: Any, roles: Mapping[str, str]) -> Any:  # noqa: ANN401
    if isinstance(value, Mapping):
        return {_role(key, roles): _renamed(each, roles) for key, each in value.items()}
    return value


def _role(name: str, roles: Mapping[str, str]) -> str:
    for kind in ("reward ", "reward_std "):
        if name.startswith(kind):
            role = roles[name.removeprefix(kind)]
            return role if kind == "reward " else f"std of {role}"
    return name


def _rounded(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, Mapping):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_rounded(each) for each in value]
    return value


def read_records(folder: Path) -> dict[str, list[Record]]:
    """Return the records by experiment, by seed; an experiment that no run has is not there."""
    records: dict[str, list[Record]] = {}
    for path in sorted(folder.glob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        records.setdefault(record["experiment"], []).append(record)
    return {name: sorted(of_name, key=lambda r: r["seed"]) for name, of_name in records.items()}


def final(record: Record, measure: str, split: str = "train", policy: str = "tuned") -> float:
    """Return a measure of a run's last policy, or of its base."""
    of_split = record["evaluation"][policy][split]
    if measure == "distance_to_base":
        return of_split[measure]
    return of_split["measures"][measure]["policy"]["value"]


def smoothed(values: Sequence[float], window: int) -> list[float]:
    """Return each value's mean with those up to `window - 1` before it."""
    return [
        sum(part) / len(part)
        for part in (values[max(0, n + 1 - window) : n + 1] for n in range(len(values)))
    ]


def images_until(record: Record, alignment: float) -> int | None:
    """Return how many images a DPOK run drew until the last 384 of them were that well aligned."""
    curve = record["curve"]
    shares = smoothed(curve["alignment"], AVERAGED_IMAGES // record["images_per_iteration"])
    return next(
        (
            images
            for images, share in zip(curve["num_images"], shares, strict=True)
            if images >= AVERAGED_IMAGES and share >= alignment
        ),
        None,
    )
