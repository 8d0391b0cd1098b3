"""The figures of one seed: alignment, reward accuracy, diversity and KL, with intervals."""

from dataclasses import asdict
from statistics import fmean
from typing import TypeVar

from benchmarks.taste.control import CONTROLS
from feedback_loop.fitting import name_of_round
from feedback_loop.loop import BASE, Loop
from feedback_loop.measure import measure_policies
from feedback_loop.measurements import MeasuredImage, read_measurements
from feedback_loop.stages import seconds_by_stage
from feedback_loop.statistics import estimate, gain, order_accuracy
from rl_finetune.metrics import DpokMetrics, MetricsFile

T = TypeVar("T")

TUNED = name_of_round(1)
PAPER = ("a green rabbit", "four wolves", "a cat and a dog", "a dog on the moon")


def seed_figures(demo: Loop, controls: Loop) -> dict[str, object]:
    """Measure demo and controls on the same prompts and seeds."""
    measured = read_measurements(demo.workspace)
    measured += measure_policies(controls, [controls.store.policy(name) for name in CONTROLS], 1)
    names = (BASE, TUNED, *CONTROLS)
    of = {name: [image for image in measured if image.policy == name] for name in names}
    return {
        "seed": demo.config.seed,
        "comparisons": len(demo.store.comparisons()),
        "policies": {name: _policy(images) for name, images in of.items()},
        "gain": _gains(of[BASE], of[TUNED]),
        "ahead_of": {name: _gains(of[name], of[TUNED]) for name in CONTROLS},
        "reward_model": {
            split: _order([image for image in of[BASE] if image.split == split])
            for split in ("train", "unseen")
        },
        "kl": {TUNED: _kl(demo, TUNED)} | {name: _kl(controls, name) for name in CONTROLS},
        "seconds": seconds_by_stage(demo.store.round_events()),
    }


def _kl(loop: Loop, run: str) -> float:
    """Return the KL to the base per image, in nats: the mean over the last ten iterations."""
    records = MetricsFile(loop.workspace.runs / run / "metrics.jsonl", DpokMetrics).read()
    return fmean(record.kl for record in records[-10:])


def _policy(images: list[MeasuredImage]) -> dict[str, object]:
    train = [image for image in images if image.split == "train"]
    families = sorted({image.family for image in train})
    return {
        "images": len(images),
        "train": _value(train),
        "unseen": _value([image for image in images if image.split == "unseen"]),
        "paper": _value([image for image in train if image.prompt in PAPER]),
        **{family: _value([i for i in train if i.family == family]) for family in families},
        "diversity": asdict(_known(estimate(train, lambda image: image.distance))),
        "quality": asdict(_known(estimate(train, lambda image: image.quality))),
    }


def _gains(before: list[MeasuredImage], after: list[MeasuredImage]) -> dict[str, object]:
    parts = {
        "train": lambda image: image.split == "train",
        "paper": lambda image: image.prompt in PAPER,
        "unseen": lambda image: image.split == "unseen",
    }
    return {
        name: asdict(_known(gain(filter(of, before), filter(of, after), lambda image: image.met)))
        for name, of in parts.items()
    }


def _value(images: list[MeasuredImage]) -> dict[str, object]:
    return asdict(_known(estimate(images, lambda image: image.met)))


def _order(images: list[MeasuredImage]) -> dict[str, object]:
    return asdict(_known(order_accuracy(images)))


def _known(value: T | None) -> T:
    assert value is not None, "the emoji world's judge knows every image"
    return value
