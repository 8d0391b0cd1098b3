"""What a learning curve can be told, and where it is kept; without torch, for a quick `--help`."""

from dataclasses import dataclass
from pathlib import Path

from devices.choice import require_device_name

CURVE_FILE = "learning_curve.json"
PICTURE_FILE = "learning_curve.png"


@dataclass(frozen=True, kw_only=True, slots=True)
class CurveConfig:
    """Of which reward model, and how closely."""

    reward: str = ""
    """Name of a reward model in the workspace, or its folder; default: the newest on record."""
    workspace: Path | None = None
    """Where the reward model and its snapshot are. Default: $TASTEMAKER_WORKSPACE, else
    ./workspace."""
    snapshot: Path | None = None
    """The snapshot it was fitted on, where that is not in the workspace."""
    num_sizes: int = 5
    """How many parts: all comparisons, half of them, a quarter and so on. Each part is fitted as
    often as the reward model had folds."""
    device: str = "auto"
    """"auto" takes a GPU where there is one; else cpu, cuda, cuda:N or mps."""

    def __post_init__(self) -> None:
        if self.num_sizes < 2:
            raise ValueError(f"num_sizes: expected at least 2, got {self.num_sizes}")
        require_device_name("device", self.device)
