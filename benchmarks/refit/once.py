"""`python -m benchmarks.refit.once WORKSPACE CONFIG OUT`: one fit by itself, and what it took.

Seconds are the fit's own; to import torch and its kin takes some more. Peak memory is that of the
whole process, as the kernel counts it, beside what it was before the snapshot was read.
"""

import json
import resource
import sys
import time
from pathlib import Path

from data.config_file import load_yaml
from data.snapshot import take_snapshot
from data.workspace import Workspace
from reward_training.config import FitConfig
from reward_training.fitting import fit

_KIB_PER_MB = 1e6 / 1024


def main() -> None:
    """Fit, and print the figures as JSON."""
    root, config, out = map(Path, sys.argv[1:])
    before = _peak_mb()
    snapshot = take_snapshot(Workspace.open(root))
    with_rows = _peak_mb()
    began = time.perf_counter(), time.process_time()
    metrics = fit(load_yaml(FitConfig, config), snapshot, out=out).metrics
    figures = {
        "seconds": round(time.perf_counter() - began[0], 2),
        "cpu_seconds": round(time.process_time() - began[1], 2),
        "imported_mb": before,
        "snapshot_mb": with_rows,
        "peak_mb": _peak_mb(),
        "num_updates": metrics["num_updates"],
        "held_out_accuracy": round(metrics["held_out_accuracy"], 4),
    }
    print(json.dumps(figures))  # noqa: T201


def _peak_mb() -> int:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _KIB_PER_MB)


if __name__ == "__main__":
    main()
