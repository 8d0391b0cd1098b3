"""A reward model's learning curve: measured once, kept in its folder, resumed when interrupted."""

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from data.config_file import load_yaml
from data.errors import RewardError
from data.files import digest, write_atomically
from data.snapshot import Snapshot
from data.workspace import Workspace, resolve_root
from devices.processes import Processes
from reward_training.config import FitConfig
from reward_training.curve.config import CURVE_FILE, PICTURE_FILE, CurveConfig
from reward_training.curve.growing_parts import Part, PartFits
from reward_training.curve.saturation import Saturation, fit_saturation, worth_of_more
from reward_training.folder import read_metrics
from reward_training.inputs.asked import find_asked
from reward_training.inputs.dataset import Comparisons
from reward_training.inputs.outcomes import TIE
from reward_training.inputs.split import make_folds
from reward_training.preparing import comparisons_of, prepare_fitting
from reward_training.trust.evaluate import hits
from reward_training.trust.intervals import careful_estimate
from reward_training.trust.metrics import count_comparisons, measured_rows
from reward_training.trust.plots import learning_curve_png

MORE = 100
"""Comparisons whose worth is told."""
_DRAW_STREAM, _BOOTSTRAP_STREAM = 2, 3


def find_reward(config: CurveConfig) -> tuple[Path, Snapshot]:
    """Return the reward model's folder and its snapshot; `RewardError` where one is missing."""
    if config.snapshot is not None and Path(config.reward).is_dir() and config.reward:
        return Path(config.reward), Snapshot.open(config.snapshot)
    workspace = Workspace.open(resolve_root(config.workspace))
    folder = _folder(config.reward, workspace)
    snapshot = config.snapshot or workspace.snapshots / read_metrics(folder)["snapshot"]
    return folder, Snapshot.open(snapshot)


def measure_curve(
    folder: Path, snapshot: Snapshot, *, num_sizes: int, device: str = "auto"
) -> dict[str, Any]:
    """Measure a reward model's learning curve and write it, with a picture, to its folder.

    A curve that is there already is returned. Interrupted, it goes on where it was: what is done
    is kept in a hidden folder beside the reward model's. Another snapshot is a `RewardError`.
    """
    metrics = read_metrics(folder)
    if snapshot.hash != metrics["snapshot"]:
        raise RewardError(
            f"{folder} was fitted on snapshot {metrics['snapshot']}, got {snapshot.hash}; "
            "give the one it was fitted on"
        )
    key = digest(["learning curve", metrics["fit"], num_sizes])
    finished = folder / CURVE_FILE
    if finished.is_file() and (curve := json.loads(finished.read_bytes()))["key"] == key:
        return curve
    unfinished = folder.parent / f".{folder.name}.learning-curve"
    config = load_yaml(FitConfig, folder / "config.yaml")
    config = replace(config, training=replace(config.training, device=device))
    try:
        curve = _measure(config, snapshot, num_sizes, unfinished, key)
    except KeyboardInterrupt:
        if not unfinished.exists():
            raise KeyboardInterrupt(
                "nothing was measured yet; run the same command again"
            ) from None
        raise KeyboardInterrupt(
            f"what was measured so far is kept in {unfinished}; run the same command to go on"
        ) from None
    curve = {"reward": metrics["name"], "snapshot": snapshot.hash, "key": key} | curve
    Processes().from_main(lambda: _write(folder, curve, unfinished))
    return curve


def _write(folder: Path, curve: dict[str, Any], unfinished: Path) -> None:
    write_atomically(folder / PICTURE_FILE, learning_curve_png(curve))
    write_atomically(folder / CURVE_FILE, json.dumps(curve, indent=2, allow_nan=False) + "\n")
    shutil.rmtree(unfinished, ignore_errors=True)


def describe(
    comparisons: Comparisons, parts: list[Part], generator: np.random.Generator
) -> dict[str, Any]:
    """Return accuracy with intervals at each size, the curve through it, and what more is worth.

    Measured on the same comparisons as the fit itself.
    """
    rows = measured_rows(parts[-1].selection.held_out)
    held_out = parts[-1].selection.held_out.take(rows)
    outcome, prompt = held_out.outcome.clamp_max(TIE).numpy(), held_out.prompt.numpy()
    decided = outcome != TIE
    margins = [part.selection.margins[rows].double().numpy() for part in parts]
    right = np.stack([hits(each, outcome)[decided] for each in margins])
    sizes, prompt = np.array([part.size for part in parts]), prompt[decided]
    now = len(comparisons)
    worth = worth_of_more(sizes, 1 - right, prompt, now=now, more=MORE, generator=generator)
    return {
        "by_rater_kind": count_comparisons(comparisons)["by_rater_kind"],
        "comparisons": now,
        "held_out_pairs": int(decided.sum()),
        "held_out_prompts": len(np.unique(prompt)),
        "points": [
            _point(part, of_part, prompt, generator)
            for part, of_part in zip(parts, right, strict=True)
        ],
        "saturation": _curve(fit_saturation(sizes, 1 - right.mean(axis=1)), worth.gain),
        "more": MORE,
        "gain_of_more": worth.gain,
        "gain_of_more_interval": worth.interval,
        "unknown": worth.unknown,
    }


def _measure(
    config: FitConfig, snapshot: Snapshot, num_sizes: int, unfinished: Path, key: str
) -> dict[str, Any]:
    comparisons = comparisons_of(config, snapshot, find_asked(snapshot, config.aspect).aspects)
    seed = config.training.seed
    folds = make_folds(comparisons, config.held_out_fraction, np.random.default_rng(seed))
    folds = folds if config.training.cross_validate else folds[:1]
    fitting = prepare_fitting(config, snapshot, comparisons)
    fits = PartFits(fitting, comparisons, folds, unfinished, key)
    parts = fits.on_growing_parts(num_sizes, np.random.default_rng([seed, _DRAW_STREAM]))
    return describe(comparisons, parts, np.random.default_rng([seed, _BOOTSTRAP_STREAM]))


def _point(
    part: Part,
    right: Float[np.ndarray, " pairs"],
    prompt: Int[np.ndarray, " pairs"],
    generator: np.random.Generator,
) -> dict[str, Any]:
    accuracy = careful_estimate(right, prompt, generator)
    return {
        "comparisons": part.size,
        "held_out_accuracy": accuracy.value,
        "held_out_accuracy_interval": accuracy.interval,
        "num_updates": part.selection.num_updates,
    }


def _curve(found: Saturation, gain: float | None) -> dict[str, float] | None:
    """A curve through too few points, or through points that do not rise, is none."""
    return None if gain is None else asdict(found)


def _folder(reward: str, workspace: Workspace) -> Path:
    if not reward:
        models = workspace.store().reward_models()
        if not models:
            raise RewardError(
                f"no reward model in {workspace.root}; fit one with python -m reward_training.fit"
            )
        return workspace.root / models[-1].path
    folder = Path(reward) if Path(reward).is_dir() else workspace.rewards / reward
    if not folder.is_dir():
        raise RewardError(f"expected a reward model's name or folder, got {reward!r}")
    return folder
