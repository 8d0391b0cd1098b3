"""`python -m reward_training.learning_curve`: what more comparisons would be worth."""

import sys

from data.config_file import parse
from data.entry import let_raters_go_first, run_command
from reward_training.curve.config import CURVE_FILE, CurveConfig
from reward_training.trust.words import curve_words

_DESCRIPTION = (
    "Fit a reward model again on growing parts of its comparisons, and say how accurate it was on "
    "the same held-out prompts. Writes learning_curve.json and learning_curve.png to its folder."
)


def main() -> None:
    """Read the command line, measure, and say what came out."""
    config = parse(
        CurveConfig,
        sys.argv[1:],
        prog="python -m reward_training.learning_curve",
        description=_DESCRIPTION,
    )
    # torch takes seconds to import, which --help and a mistyped option need not wait for.
    from devices.processes import Processes
    from reward_training.curve.measuring import find_reward, measure_curve

    folder, snapshot = find_reward(config)
    curve = measure_curve(folder, snapshot, num_sizes=config.num_sizes, device=config.device)
    if Processes().is_main:
        print(curve_words(curve))  # noqa: T201
        print(f"learning curve: {folder / CURVE_FILE}")  # noqa: T201
    Processes().leave()


if __name__ == "__main__":
    let_raters_go_first()
    run_command(main)
