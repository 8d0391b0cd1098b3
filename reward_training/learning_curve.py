"""`python -m reward_training.learning_curve`: what more comparisons would be worth."""

import sys
from dataclasses import dataclass
from pathlib import Path

from data.config_file import parse
from data.entry import let_raters_go_first, run_command
from reward_training.trust.words import curve_words

CURVE_FILE = "learning_curve.json"
PICTURE_FILE = "learning_curve.png"
_DESCRIPTION = (
    "Fit a reward model again on growing parts of its comparisons, and say how accurate it was on "
    "the same held-out prompts. Writes learning_curve.json and learning_curve.png to its folder."
)


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
    """"auto" takes a GPU where there is one."""

    def __post_init__(self) -> None:
        if self.num_sizes < 2:
            raise ValueError(f"num_sizes: expected at least 2, got {self.num_sizes}")


def main() -> None:
    """Read the command line, measure, and say what came out."""
    config = parse(
        CurveConfig,
        sys.argv[1:],
        prog="python -m reward_training.learning_curve",
        description=_DESCRIPTION,
    )
    # torch takes seconds to import, which --help and a mistyped option need not wait for.
    from reward_training.curve.measuring import find_reward, measure_curve

    folder, snapshot = find_reward(config)
    curve = measure_curve(folder, snapshot, num_sizes=config.num_sizes, device=config.device)
    print(curve_words(curve))  # noqa: T201
    print(f"learning curve: {folder / CURVE_FILE}")  # noqa: T201


if __name__ == "__main__":
    let_raters_go_first()
    run_command(main)
