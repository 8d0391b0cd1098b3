"""Starting two processes on two CPUs, as `accelerate launch` does it."""

import os
import subprocess
import sys
from pathlib import Path


def launch_two(
    arguments: list[str], folder: Path, *, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run a script or module as two processes, which must succeed unless told otherwise."""
    launcher = [sys.executable, "-m", "accelerate.commands.launch"]
    launcher += ["--num_processes", "2", "--main_process_port", "0"]
    launcher += ["--num_cpu_threads_per_process", "1", "--mixed_precision", "no"]
    launcher += ["--num_machines", "1", "--dynamo_backend", "no"]
    # What accelerate calls several GPUs is several processes; the environment puts them on the CPU.
    launcher += ["--multi_gpu"]
    done = subprocess.run(
        [*launcher, *arguments],
        cwd=folder,
        env=os.environ | {"ACCELERATE_USE_CPU": "true"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 or not check, done.stderr
    return done
