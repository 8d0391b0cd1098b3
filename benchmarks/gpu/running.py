"""The run itself: identities, then one variant after another for as long as there is time."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import torch

from benchmarks.gpu.identities import check_identities
from benchmarks.gpu.record import Record
from benchmarks.gpu.speed import Variant, Work, measure
from benchmarks.iteration.table import make_table
from rl_finetune.config import Precision

_PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16")


def check_all(record: Record, size: str, device: torch.device) -> None:
    """Check and print the identities of both precisions."""
    for precision in _PRECISIONS:
        with record.attempt(f"identities in {precision}"):
            for identity in check_identities(size, device, precision):
                verdict = "holds" if identity.holds else "BROKEN"
                say(f"{verdict:<7}{precision}  {identity.name}: {identity.error:.2g}")
                record.identities.append(asdict(identity) | {"holds": identity.holds})


def measure_all(
    record: Record, work: Work, ways: Sequence[Variant], device: torch.device, minutes: float
) -> None:
    """Measure and print every variant that can start before so many minutes of the run are over."""
    record.left_out = [str(variant) for variant in ways]
    record.save()
    for variant in ways:
        begun = record.seconds
        if begun > 60 * minutes:
            break
        record.left_out.remove(str(variant))
        say(f"\n{variant}:")
        with record.attempt(str(variant)):
            record.variants.append(measure(work, variant, device))
            say(*_lines(record.variants[-1]))
        _say_progress(record, record.seconds - begun, minutes)
    say(*(f"left out, {minutes:g} minutes are over: {name}" for name in record.left_out))


def _lines(found: dict[str, Any]) -> list[str]:
    memory = found["peak_memory_gib"]
    speed = (
        f"{found['images_per_second']:.2f} images/s, "
        f"{found['updated_steps_per_second']:.2f} updated steps/s"
    )
    return [speed + ("" if memory is None else f", {memory:.1f} GiB at most"), make_table(found)]


def _say_progress(record: Record, seconds: float, minutes: float) -> None:
    left = max(0.0, minutes - record.seconds / 60)
    say(
        f"took {seconds:.0f} s; variants left: {len(record.left_out)}, "
        f"minutes left to start one: {left:.1f} of {minutes:g}"
    )


def say(*lines: str) -> None:
    """Print lines at once: a run may be killed."""
    if lines:
        print(*lines, sep="\n", flush=True)  # noqa: T201
