"""The records as the Markdown tables of docs/results.md: means over seeds, lowest and highest."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

from benchmarks.paper.experiments import EXPERIMENTS, FOUR
from benchmarks.paper.records import Record, final, images_until

Records = Mapping[str, Sequence[Record]]

METHODS = (
    "dpok",
    "supervised",
    "supervised-kl-d",
    "supervised-kl-o",
    "dpok-long",
    "dpok-no-kl",
    "dpok-kl-low",
    "dpok-kl-high",
    "dpok-value",
    "dpok-no-baseline",
)
CAUTION = ("dpok-target", "dpok-lower")
RARE = ("rare-dpok", "rare-supervised", "rare-supervised-kl-d", "rare-supervised-kl-d-wide")
MANY = ("many", "many-supervised-kl-d")
PRESETS = ("dpok-long", "paper", "paper-rate", "parity", "parity-rate")
_MEASURES = {
    "alignment": "alignment",
    "reward": "reward",
    "unseen reward": "reward never seen",
    "clip": "CLIP similarity",
    "quality": "drawing quality",
    "diversity": "diversity",
    "distance_to_base": "distance to the base",
    "kl": "KL, nats",
}
_SIGNS = {
    "saturation": "saturation",
    "edge_density": "edge density",
    "std of reward": "deviation of the reward",
    "std of alignment": "deviation of alignment",
}
_SCALES = {"distance_to_base": 100.0}
"""Factors of measures whose figures would begin with zeros."""


def make_tables(records: Records) -> dict[str, str]:
    """Return every table by its name in the document; one without records says so."""
    tables = {
        "methods": _methods("The paper's four prompts", records, METHODS, _MEASURES, "train"),
        "unseen": _methods("Sixteen unseen prompts", records, METHODS, _MEASURES, "unseen"),
        "signs": _methods("The paper's four prompts", records, METHODS, _SIGNS, "train"),
        "presets": _methods("The paper's four prompts", records, PRESETS, _MEASURES, "train"),
        "reach": _reach(records),
        "caution": _methods("The paper's four prompts", records, CAUTION, _MEASURES, "train"),
        "rare": _methods("Four rare prompts", records, RARE, _MEASURES, "train"),
        "single": _single(records),
        "many": _many(records),
    }
    return {name: table or "Not run yet." for name, table in tables.items()}


def _methods(
    title: str, records: Records, names: Iterable[str], measures: Mapping[str, str], split: str
) -> str:
    there = [name for name in names if name in records]
    if not there:
        return ""
    heads = [f"{said}, hundredths" if name in _SCALES else said for name, said in measures.items()]
    rows = [["base", "0", *(_spread([_base(records, there[0], m, split)], m) for m in measures)]]
    for name in there:
        images = f"{records[name][0]['num_images']:,} x {len(records[name])}"
        cells = (_spread([final(r, m, split) for r in records[name]], m) for m in measures)
        rows.append([name, images, *cells])
    return _table([title, "images x seeds", *heads], rows)


def _base(records: Records, name: str, measure: str, split: str) -> float:
    return final(records[name][0], measure, split, policy="base")


def _reach(records: Records) -> str:
    """What other presets reach with all images, and with how many of its own the default does."""
    rows = []
    for name in PRESETS:
        if name == "dpok-long" or not {name, "dpok"} <= set(records):
            continue
        reached = [final(record, "alignment") for record in records[name]]
        drawn = [images_until(record, fmean(reached)) for record in records["dpok"]]
        said = ", ".join("not reached" if images is None else f"{images:,}" for images in drawn)
        rows.append([name, f"{records[name][0]['num_images']:,}", _spread(reached), said])
    heads = ["preset", "images", "alignment reached", "images of the default, by seed"]
    return _table(heads, rows) if rows else ""


def _single(records: Records) -> str:
    """One prompt alone beside the same prompt in the joint model."""
    rows = []
    for family, prompt in FOUR.items():
        if f"single-{family}" not in records or "dpok" not in records:
            continue
        single, joint = records[f"single-{family}"], records["dpok"]
        rows.append(
            [
                prompt,
                _number(final(single[0], "alignment", policy="base")),
                _spread([final(r, "alignment") for r in single]),
                _spread([_family(r, family) for r in joint]),
                _spread([final(r, "kl") for r in single]),
            ]
        )
    heads = ["Alignment", "base", "tuned alone", "one model for four", "KL alone, nats"]
    return _table(heads, rows) if rows else ""


def _many(records: Records) -> str:
    """Trained and unseen prompts of the models for many, by family."""
    there = [name for name in MANY if name in records]
    if not there:
        return ""
    models = [("base", "base", records[there[0]][:1])]
    models += [(name, "tuned", records[name]) for name in there]
    rows = []
    for split, said in (("train", "111 trained prompts"), ("unseen", "16 unseen prompts")):
        for name, policy, runs in models:
            shares = [_by_family(run, split, policy) for run in runs]
            rows.append([f"{said}: {name}", *(_spread([s[f] for s in shares]) for f in shares[0])])
    return _table(["Alignment, one model for many", "all", *FOUR], rows)


def _by_family(record: Record, split: str, policy: str) -> dict[str, float]:
    measure = record["evaluation"][policy][split]["measures"]["alignment"]
    return {"all": measure["policy"]["value"]} | {f: measure["families"][f] for f in FOUR}


def _family(record: Record, family: str) -> float:
    return record["evaluation"]["tuned"]["train"]["measures"]["alignment"]["families"][family]


def _spread(values: Sequence[float], measure: str = "") -> str:
    values = [value * _SCALES.get(measure, 1.0) for value in values]
    mean = _number(fmean(values))
    if len(values) == 1:
        return mean
    return f"{mean} ({_number(min(values))} to {_number(max(values))})"


def _number(value: float) -> str:
    """Write shares in three digits with no zero before the point, larger figures in one."""
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.3f}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:.2f}"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def progress(records: Records) -> str:
    """Return which runs there are, by experiment."""
    return "\n".join(
        f"{experiment.name}: seeds {', '.join(str(r['seed']) for r in records[experiment.name])}"
        for experiment in EXPERIMENTS
        if experiment.name in records
    )
