"""`python -m rl_finetune.evaluate`: what runs did to the base, by more than their own reward."""

import sys

from data.config_file import parse
from data.entry import let_raters_go_first, run_command
from rl_finetune.evaluated_runs import EvaluateConfig, open_runs

_PROG = "python -m rl_finetune.evaluate"
_DESCRIPTION = "Measure finished runs beside their base, at the same prompts and image seeds."


def main() -> None:
    """Evaluate, write the records, and print the measures."""
    config = parse(EvaluateConfig, sys.argv[1:], prog=_PROG, description=_DESCRIPTION)
    runs = open_runs(config.runs)
    # torch takes seconds to import, which --help and a mistyped option need not wait for.
    from rl_finetune.evaluation_table import format_table
    from rl_finetune.evaluator import evaluate_runs

    summary, path = evaluate_runs(config, runs)
    print(*format_table(summary), f"written: {path}", sep="\n")  # noqa: T201


if __name__ == "__main__":
    let_raters_go_first()
    run_command(main)
