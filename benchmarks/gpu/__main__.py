"""`python -m benchmarks.gpu`: Stable Diffusion 1.5's size on a GPU, or a small model on a CPU.

Weights are random, so nothing is downloaded and no image means anything: what is measured is speed,
memory, and whether the identities hold on this device in fp32 and bf16. Exit status 1 says that a
figure failed or an identity does not hold; the other figures are on file.
"""

import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from benchmarks.gpu.record import Record, refuse_other_size
from data.config_file import parse
from data.entry import run_command
from data.errors import ConfigError
from rl_finetune.validation import require

RESULTS = Path("benchmarks/results/gpu.json")
EXIT_FAILED = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class GpuConfig:
    """What is measured, and for how long."""

    size: Literal["auto", "sd15", "small"] = "auto"
    """Networks: Stable Diffusion 1.5's or small ones; auto takes the large ones on a GPU only."""
    num_images: int = 4
    """Images an iteration, and denoising steps a network pass."""
    num_pairs: int = 2
    """Iterations and bare passes that are timed of each variant, after one that warms up."""
    compile: bool = True
    """Measure torch.compile too, on a GPU."""
    minutes: float = 5.0
    """No variant starts later in the run: it is left out, and named. The rest of eight minutes is
    for the last one, which may have to compile."""
    results: Path | None = None
    """File of the figures; if none, benchmarks/results/gpu.json on a GPU, and no file on a CPU."""

    def __post_init__(self) -> None:
        for name in ("num_images", "num_pairs"):
            require(getattr(self, name) >= 1, name, getattr(self, name), ">= 1")
        require(self.minutes >= 0, "minutes", self.minutes, ">= 0")


def main() -> None:
    """Check the identities, time every variant, print and write what was found."""
    started = time.perf_counter()
    config = parse(
        GpuConfig,
        sys.argv[1:],
        prog="python -m benchmarks.gpu",
        description="Measure DPOK at Stable Diffusion 1.5's size with random weights.",
    )
    size, path = _choose(config)
    record = Record(path=path, about={"size": size, **_about()}, started=started)
    _run(record, config, size)
    if record.failed or record.broken:
        print(f"error: {_problems(record)}", file=sys.stderr)  # noqa: T201
        sys.exit(EXIT_FAILED)


def _choose(config: GpuConfig) -> tuple[str, Path | None]:
    """Return the size and the file, or refuse what cannot be measured or must not be written."""
    import torch

    has_gpu = torch.cuda.is_available()
    size = config.size if config.size != "auto" else "sd15" if has_gpu else "small"
    if size == "sd15" and not has_gpu:
        raise ConfigError("size sd15 needs a CUDA GPU and there is none; expected small, or auto")
    path = config.results or (RESULTS if has_gpu else None)
    if path is not None:
        refuse_other_size(path, size)
    return size, path


def _about() -> dict[str, Any]:
    import diffusers
    import peft
    import torch
    import transformers

    has_gpu = torch.cuda.is_available()
    device = torch.cuda.get_device_name() if has_gpu else f"CPU, {torch.get_num_threads()} threads"
    modules = (torch, diffusers, transformers, peft)
    return {"device": device} | {module.__name__: module.__version__ for module in modules}


def _run(record: Record, config: GpuConfig, size: str) -> None:
    import torch

    from benchmarks.gpu.running import check_all, measure_all, say
    from benchmarks.gpu.speed import Work, variants

    has_gpu = torch.cuda.is_available()
    device = torch.device("cuda" if has_gpu else "cpu")
    about = record.about
    say(f"{about['device']}, torch {about['torch']}: the {size} architecture, random weights")
    if not has_gpu:
        say("there is no GPU: a small model stands in, and its speed says nothing of one")
    check_all(record, size, device)
    work = Work(
        size=size, precision="bf16", num_images=config.num_images, num_pairs=config.num_pairs
    )
    about["work"] = asdict(work)
    ways = variants(*((50, 20) if has_gpu else (6, 3)), compiled=config.compile and has_gpu)
    measure_all(record, work, ways, device, config.minutes)
    say(f"\n{record.summary()}")


def _problems(record: Record) -> str:
    failed = [f"{name} failed ({error})" for name, error in record.failed.items()]
    return "; ".join([*failed, *(f"{name} does not hold" for name in record.broken)])


if __name__ == "__main__":
    run_command(main)
