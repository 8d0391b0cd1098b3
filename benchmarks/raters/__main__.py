"""`python -m benchmarks.raters`: many raters and commands at once, then kill -9 of the app.

The app is served as `tastemaker label` serves it; `generate`, one `python -m reward_training.fit`
after another and `status` again and again run beside it. After the kill every answer that a rater
saw acknowledged must be in the store, once.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

from benchmarks.raters.plan import Plan
from data.config_file import parse
from data.entry import run_command
from data.errors import TastemakerError
from data.files import write_atomically


def main() -> None:
    """Try, print and write; what went wrong is an error."""
    plan = parse(
        Plan,
        sys.argv[1:],
        prog="python -m benchmarks.raters",
        description="Let many raters rate at once, kill the app, and see what is in the store.",
    )
    from benchmarks.raters.report import describe
    from benchmarks.raters.trial import run_trial

    load = os.getloadavg()[0]
    result = run_trial(plan)
    row = describe(plan, result, load_before=load)
    print(row["said"])  # noqa: T201
    _remember(plan.results, row)
    if result.faults:
        lines = "\n".join(result.faults[:20])
        raise TastemakerError(f"{len(result.faults)} faults, the first of them: {lines}")


def _remember(path: Path, row: dict[str, Any]) -> None:
    """Put the row beside that of the other kind of store."""
    rows = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    write_atomically(path, json.dumps(rows | {row["store"]: row}, indent=1) + "\n")


if __name__ == "__main__":
    run_command(main)
