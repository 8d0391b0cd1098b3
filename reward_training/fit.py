"""`python -m reward_training.fit`: fit a reward model on a workspace's comparisons."""

import sys
from typing import Any

from data.config_file import parse
from data.entry import let_raters_go_first, run_command
from reward_training.config import FitConfig
from reward_training.trust.words import (
    combination_words,
    control_words,
    kinds_words,
    outputs_of,
    share_words,
    trust_lines,
)

_DESCRIPTION = "Fit a reward model on the comparisons of a workspace or of an exported snapshot."


def main() -> None:
    """Read the command line, fit, and say what came out."""
    config = parse(
        FitConfig, sys.argv[1:], prog="python -m reward_training.fit", description=_DESCRIPTION
    )
    # torch takes seconds to import, which --help and a mistyped option need not wait for.
    from data.snapshot import Snapshot
    from data.workspace import Workspace, resolve_root
    from devices.processes import Processes
    from reward_training.fitting import fit, fit_in_workspace

    if config.snapshot is not None and config.out is not None:
        result = fit(config, Snapshot.open(config.snapshot), out=config.out)
    else:
        result = fit_in_workspace(config, Workspace.open(resolve_root(config.workspace)))
    if result.is_main:
        lines = [*summary_lines(result.metrics), f"reward model {result.name}: {result.path}"]
        print(*lines, sep="\n")  # noqa: T201
    Processes().leave()


def summary_lines(metrics: dict[str, Any]) -> list[str]:
    """Say in a few lines what metrics.json says."""
    counts = metrics["comparisons"]
    kinds = kinds_words(counts["by_rater_kind"])
    lines = [
        f"{counts['total']} comparisons ({kinds}) on {counts['prompts']} prompts; "
        f"snapshot {metrics['snapshot']}"
    ]
    outputs = outputs_of(metrics)
    for name, measured in outputs.items():
        about = f"{name}: " if name else ""
        lines += [about + line for line in _output_lines(measured, control_words(metrics))]
    if len(outputs) > 1:
        lines.append(combination_words(outputs))
    return lines + [f"note: {note}" for note in metrics["notes"]]


def _output_lines(measured: dict[str, Any], control: str) -> list[str]:
    pairs = f"{measured['held_out_pairs']} held-out pairs of {measured['held_out_prompts']} prompts"
    accuracy = (
        f"accuracy on {pairs}: {share_words(measured, 'held_out_accuracy')}; "
        f"untouched {control}: {share_words(measured, 'control_accuracy')}"
    )
    return [accuracy, *trust_lines(measured)]


if __name__ == "__main__":
    let_raters_go_first()
    run_command(main)
