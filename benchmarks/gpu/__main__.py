"""`python -m benchmarks.gpu`: Stable Diffusion 1.5's size on a GPU, or a small model on a CPU.

Weights are random, so nothing is downloaded and no image means anything: what is measured is speed,
memory, and whether the identities hold on this device in fp32 and bf16.
"""

import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from data.config_file import parse
from data.entry import run_command
from data.errors import ConfigError, TastemakerError
from data.files import write_atomically
from rl_finetune.validation import require

RESULTS = Path("benchmarks/results/gpu.json")


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
    minutes: float = 7.0
    """A variant that would start later is left out, and named."""
    results: Path | None = None
    """File of the figures; if none, benchmarks/results/gpu.json on a GPU, and no file on a CPU."""

    def __post_init__(self) -> None:
        for name in ("num_images", "num_pairs"):
            require(getattr(self, name) >= 1, name, getattr(self, name), ">= 1")


class IdentityBroken(TastemakerError):  # noqa: N818
    """Report identities that do not hold on this device."""


def main() -> None:
    """Check the identities, time every variant, print and write what was found."""
    config = parse(
        GpuConfig,
        sys.argv[1:],
        prog="python -m benchmarks.gpu",
        description="Measure DPOK at Stable Diffusion 1.5's size with random weights.",
    )
    import torch

    has_gpu = torch.cuda.is_available()
    size = config.size if config.size != "auto" else "sd15" if has_gpu else "small"
    if size == "sd15" and not has_gpu:
        raise ConfigError("size sd15 needs a CUDA GPU and there is none; expected small, or auto")
    figures = {"size": size, **_about(has_gpu=has_gpu)}
    _say(f"{figures['device']}, torch {figures['torch']}: the {size} architecture, random weights")
    if not has_gpu:
        _say("there is no GPU: a small model stands in, and its speed says nothing of one")
    figures["identities"] = _check(size, has_gpu=has_gpu)
    figures |= _measure(config, size, has_gpu=has_gpu)
    path = config.results or (RESULTS if has_gpu else None)
    if path is not None:
        write_atomically(path, json.dumps(figures, indent=1) + "\n")
        _say(f"written: {path}")
    _refuse_broken(figures["identities"])


def _about(*, has_gpu: bool) -> dict[str, Any]:
    import diffusers
    import peft
    import torch
    import transformers

    device = torch.cuda.get_device_name() if has_gpu else f"CPU, {torch.get_num_threads()} threads"
    modules = (torch, diffusers, transformers, peft)
    return {"device": device} | {module.__name__: module.__version__ for module in modules}


def _check(size: str, *, has_gpu: bool) -> list[dict[str, Any]]:
    import torch

    from benchmarks.gpu.identities import check_identities

    found, device = [], torch.device("cuda" if has_gpu else "cpu")
    for identity in (
        *check_identities(size, device, "fp32"),
        *check_identities(size, device, "bf16"),
    ):
        verdict = "holds" if identity.holds else "BROKEN"
        _say(f"{verdict:<7}{identity.precision}  {identity.name}: {identity.error:.2g}")
        found.append(asdict(identity) | {"holds": identity.holds})
    return found


def _measure(config: GpuConfig, size: str, *, has_gpu: bool) -> dict[str, Any]:
    import torch

    from benchmarks.gpu.speed import Work, measure, variants
    from benchmarks.iteration.compare import lines_of

    started = time.perf_counter()
    steps = (50, 20) if has_gpu else (6, 3)
    work = Work(
        size=size,
        precision="bf16",
        num_images=config.num_images,
        num_pairs=config.num_pairs,
    )
    measured, left_out = [], []
    for variant in variants(*steps, compiled=config.compile and has_gpu):
        if time.perf_counter() - started > 60 * config.minutes:
            left_out.append(str(variant))
            _say(f"\nleft out, {config.minutes:g} minutes are over: {variant}")
            continue
        found = measure(work, variant, torch.device("cuda" if has_gpu else "cpu"))
        memory = found["peak_memory_gib"]
        _say(
            f"\n{variant}: {found['images_per_second']:.2f} images/s, "
            f"{found['updated_steps_per_second']:.2f} updated steps/s"
            + ("" if memory is None else f", {memory:.1f} GiB at most")
        )
        _say(*lines_of(found))
        measured.append(found)
    return {"work": asdict(work), "variants": measured, "left_out": left_out}


def _refuse_broken(identities: list[dict[str, Any]]) -> None:
    broken = [f"{each['precision']}: {each['name']}" for each in identities if not each["holds"]]
    if broken:
        raise IdentityBroken(f"{len(broken)} identities do not hold here: " + "; ".join(broken))


def _say(*lines: str) -> None:
    print(*lines, sep="\n", flush=True)  # noqa: T201


if __name__ == "__main__":
    run_command(main)
