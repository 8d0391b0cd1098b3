"""What was measured of a reward model beside its accuracy, read without opening the model."""

import json
from pathlib import Path
from typing import Any

from data.records import RewardModel
from data.workspace import Workspace
from reward_training.learning_curve import CURVE_FILE

MEASURED = ("calibration", "ceiling", "held_out_by")


def read_trust(workspace: Workspace, model: RewardModel) -> dict[str, Any]:
    """Return what was measured of a reward model beside its accuracy; None for what was not.

    From its folder, which knows raters apart, as the store does not; from the store without one.
    """
    folder = workspace.root / model.path
    metrics = _read(folder / "metrics.json") or model.metrics
    measured = {name: metrics.get(name) for name in MEASURED}
    return measured | {"learning_curve": _read(folder / CURVE_FILE)}


def _read(path: Path) -> dict[str, Any] | None:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
