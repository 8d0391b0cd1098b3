"""One trial: raters at once with commands beside them, a kill of all apps, and the reckoning."""

import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.raters.account import Account, settle
from benchmarks.raters.beside import Beside, Commands
from benchmarks.raters.crowd import Crowd, Log
from benchmarks.raters.plan import Plan
from benchmarks.raters.scene import App, make_workspace
from data.workspace import Workspace


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What came of a trial."""

    logs: list[Log]
    beside: list[Beside]
    account: Account
    faults: list[str]
    """Everything that must not be: empty where all went well."""


def run_trial(plan: Plan) -> Result:
    """Let them rate, kill the apps under their hands, and see what is there."""
    with tempfile.TemporaryDirectory() as made:
        workspace = make_workspace(Path(made) / "workspace", plan)
        with contextlib.ExitStack() as stack:
            said = [Path(made) / f"app-{number}.log" for number in range(plan.num_apps)]
            apps = [stack.enter_context(App(workspace, file)) for file in said]
            crowd = Crowd(workspace, [app.url for app in apps], plan.num_raters, plan.look_s)
            commands = stack.enter_context(Commands(workspace))
            faults = _rate_until_killed(crowd, apps, plan.seconds)
        account = settle(
            workspace.store(), [each for log in crowd.logs for each in log.acknowledged]
        )
        faults += [fault for each in commands.runs for fault in each.faults]
        faults += [*account.faults, *_status_fault(workspace)]
    return Result(logs=crowd.logs, beside=commands.runs, account=account, faults=faults)


def _rate_until_killed(crowd: Crowd, apps: Sequence[App], seconds: float) -> list[str]:
    """Return what raters should not have seen while their app was there."""
    crowd.begin()
    time.sleep(seconds)
    killed_at = time.time()
    ended = [f"the app at {app.url} ended by itself" for app in apps if not app.is_running]
    for app in apps:
        app.kill()
    crowd.wait()
    seen = [
        f"{log.name}: {said}" for log in crowd.logs for at, said in log.problems if at < killed_at
    ]
    idle = [f"{log.name} rated nothing" for log in crowd.logs if not log.acknowledged]
    return ended + seen + idle


def _status_fault(workspace: Workspace) -> list[str]:
    words = ["status", "--workspace", str(workspace.root)]
    done = subprocess.run(
        [sys.executable, "-m", "feedback_loop", *words], capture_output=True, text=True, check=False
    )
    return [f"status after the kill: {done.stderr}"] if done.returncode or done.stderr else []
