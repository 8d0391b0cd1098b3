"""What was measured of a reward model beside its accuracy, read without opening the model."""

import json
from pathlib import Path
from typing import Any

from data.records import RewardModel
from data.workspace import Workspace
from reward_training.curve.config import CURVE_FILE
from reward_training.trust.words import outputs_of

MEASURED = ("calibration", "ceiling", "held_out_by")


def read_trust(workspace: Workspace, model: RewardModel) -> dict[str, dict[str, Any]]:
    """Return what was measured of a reward model beside its accuracy; None for what was not.

    From its folder, which knows raters apart, as the store does not; from the store without one.
    By output; without a name stands what is of the whole model, such as the learning curve.
    """
    folder = workspace.root / model.path
    metrics = _read(folder / "metrics.json") or model.metrics
    by_output = {"": metrics} | outputs_of(metrics)
    trust = {name: _measured(of) for name, of in by_output.items()}
    trust[""]["learning_curve"] = _read(folder / CURVE_FILE)
    return trust


def _measured(metrics: dict[str, Any]) -> dict[str, Any]:
    return {name: metrics.get(name) for name in MEASURED} | {"learning_curve": None}


def _read(path: Path) -> dict[str, Any] | None:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
