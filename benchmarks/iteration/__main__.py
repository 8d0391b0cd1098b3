"""`python -m benchmarks.iteration`: a DPOK iteration over its bare network passes."""

import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.iteration.table import machine_of, make_table
from data.config_file import load_yaml, parse
from data.entry import run_command
from data.files import write_atomically
from rl_finetune.config import TuneConfig
from rl_finetune.run import PRESETS
from rl_finetune.validation import require


@dataclass(frozen=True, kw_only=True, slots=True)
class IterationConfig:
    """How often is measured."""

    num_pairs: int = 9
    """Pairs of an iteration and its bare passes, by turns, after one that warms up."""
    preset: str = "emoji-default"
    """Settings of the iteration, on the embedded model."""
    results: Path = Path("benchmarks/results/iteration.json")
    """File of the figures."""

    def __post_init__(self) -> None:
        require(self.num_pairs >= 1, "num_pairs", self.num_pairs, ">= 1")


def main() -> None:
    """Time, print the ratio and where the rest goes, and write both with every timing."""
    config = parse(
        IterationConfig,
        sys.argv[1:],
        prog="python -m benchmarks.iteration",
        description="Time a DPOK iteration over the same network passes alone.",
    )
    settings = load_yaml(TuneConfig, PRESETS / f"{config.preset}.yaml")
    load = os.getloadavg()[0]
    figures = {"preset": config.preset, **measure(settings, config.num_pairs)}
    figures["load"] = [load, os.getloadavg()[0]]
    print(make_table(figures), machine_of(figures), sep="\n\n")  # noqa: T201
    write_atomically(config.results, json.dumps(figures, indent=1) + "\n")


def measure(settings: TuneConfig, num_pairs: int) -> dict[str, Any]:
    """Return the figures of the embedded model with these settings."""
    import torch

    from benchmarks.iteration.compare import brightness, figures_of, time_pairs
    from data.prompts import load_prompt_set
    from devices.processes import Processes
    from emoji_world.assets import base_path
    from rl_finetune.session import make_session
    from rl_finetune.stable_diffusion import StableDiffusionPolicy

    processes = Processes()
    session = make_session(
        settings,
        processes=processes,
        policy=StableDiffusionPolicy.open(
            str(base_path()), rank=settings.lora.rank, device=processes.device
        ),
        reward=brightness,
        watched={},
        prompts=[each for each in load_prompt_set(settings.prompts) if each.split == "train"],
    )
    return {
        "device": str(processes.device),
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "torch": torch.__version__,
        "sampling": asdict(settings.sampling),
        **figures_of(time_pairs(session, num_pairs)),
    }


if __name__ == "__main__":
    run_command(main)
