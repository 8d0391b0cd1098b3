"""`python -m benchmarks.signal`: signal and noise of the policy gradient, step by step.

Looks at a fresh adapter on the base of a demo that `python -m benchmarks.taste` left, with the
demo's reward, on the prompts that are tuned.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from data.config_file import parse
from data.entry import run_command
from data.files import write_atomically


@dataclass(frozen=True, kw_only=True, slots=True)
class SignalConfig:
    """What is drawn, and how closely it is looked at."""

    demo: Path = Path("runs/taste/seed-0/demo")
    """Workspace of the demo."""
    num_groups: int = 20
    """Independent draws of a prompt's gradient, of as many images as an iteration has of it."""
    num_steps: int = 4
    """Denoising steps that are looked at, from pure noise on."""
    seed: int = 1_000_000_000
    """First image seed; far from those that the demo uses."""
    results: Path = Path("benchmarks/results/signal.json")
    """File of the figures."""

    def __post_init__(self) -> None:
        if self.num_groups < 2:
            raise ValueError(f"num_groups: expected at least 2, got {self.num_groups}")


def main() -> None:
    """Draw, differentiate, and write signal, noise and their ratio."""
    config = parse(
        SignalConfig,
        sys.argv[1:],
        prog="python -m benchmarks.signal",
        description="Say how much of the policy gradient is signal, step by step.",
    )
    from benchmarks.signal.looking import find_signal
    from feedback_loop.loop import open_loop

    rows = find_signal(
        open_loop(config.demo),
        num_groups=config.num_groups,
        num_steps=config.num_steps,
        seed=config.seed,
    )
    write_atomically(config.results, json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    run_command(main)
