"""A trial's figures, and the line that says them."""

import os
from typing import Any

import numpy as np

from benchmarks.raters.crowd import Log
from benchmarks.raters.plan import Plan
from benchmarks.raters.trial import Result


def describe(plan: Plan, result: Result, *, load_before: float) -> dict[str, Any]:
    """Return the figures of a trial, those of each rater too."""
    account = result.account
    row = {
        "store": plan.kind,
        "num_apps": plan.num_apps,
        "num_raters": plan.num_raters,
        "seconds": plan.seconds,
        "look_s": plan.look_s,
        "num_stored_before": plan.num_stored,
        "acknowledged": account.num_acknowledged,
        "stored_on_gold": account.num_on_gold,
        "stored_of_second_showings": account.num_repeats,
        "on_their_way_at_the_kill": account.num_unacknowledged,
        "faults": result.faults,
        "waits_ms": _waits(result.logs),
        "beside": {each.name: len(each.seconds) for each in result.beside},
        "load_before": round(load_before, 1),
        "cpus": os.cpu_count(),
        "raters": {log.name: _of_rater(log) for log in result.logs},
    }
    return row | {"said": _said(row)}


def _of_rater(log: Log) -> dict[str, Any]:
    return {"acknowledged": len(log.acknowledged), "waits_ms": _waits([log])}


def _waits(logs: list[Log]) -> dict[str, int]:
    """Return what raters waited from a key to the next pair."""
    waits = [each.milliseconds for log in logs for each in log.acknowledged] or [0.0]
    median, high = np.quantile(waits, [0.5, 0.95])
    return {"median": round(median), "p95": round(high), "longest": round(max(waits))}


def _said(row: dict[str, Any]) -> str:
    """Say a trial's figures in a row of a table."""
    waits = row["waits_ms"]
    cells = (
        f"{row['store']}, {row['num_apps']} app" + "s" * (row["num_apps"] > 1),
        f"{row['num_raters']} for {row['seconds']:g} s",
        f"{row['acknowledged']}",
        f"{row['on_their_way_at_the_kill']}",
        f"{len(row['faults'])}",
        f"{waits['median']} / {waits['p95']} / {waits['longest']}",
        ", ".join(f"{num} {name}" for name, num in row["beside"].items()),
    )
    return f"| {' | '.join(cells)} |"
