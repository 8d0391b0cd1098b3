"""What a run has found: on file after every figure, so that a later one's failure loses none."""

import json
import textwrap
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data.errors import ConfigError
from data.files import write_atomically


@dataclass(kw_only=True, slots=True)
class Record:
    """The figures so far, and what has none."""

    path: Path | None
    """Where they are kept, if anywhere."""
    about: dict[str, Any]
    """Sizes, versions and settings."""
    started: float
    """When, by `time.perf_counter`."""
    identities: list[dict[str, Any]] = field(default_factory=list)
    variants: list[dict[str, Any]] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    """Error of each figure that could not be found, in one line."""
    left_out: list[str] = field(default_factory=list)
    """Variants that have not been started."""

    @property
    def seconds(self) -> float:
        """How long the run has taken so far."""
        return time.perf_counter() - self.started

    @property
    def broken(self) -> list[str]:
        """Identities that do not hold on this device."""
        found = (each for each in self.identities if not each["holds"])
        return [f"{each['precision']}: {each['name']}" for each in found]

    def summary(self) -> str:
        """Say in one line how much was found, how long it took, and where it is."""
        kept = "" if self.path is None else f"; written: {self.path}"
        return (
            f"variants measured: {len(self.variants)}, left out: {len(self.left_out)}; "
            f"figures failed: {len(self.failed)}; {self.seconds:.0f} s in all{kept}"
        )

    @contextmanager
    def attempt(self, name: str) -> Iterator[None]:
        """Let a figure fail by itself, and write whatever there is after it.

        The error is let go, so that the tensors of the frames it came through are freed.
        """
        try:
            yield
        except Exception as error:
            traceback.print_exc()
            self.failed[name] = _one_line(error)
        self.save()

    def save(self) -> None:
        """Write what there is, if it is kept."""
        if self.path is None:
            return
        names = ("identities", "variants", "failed", "left_out")
        figures = self.about | {name: getattr(self, name) for name in names}
        figures["seconds"] = round(self.seconds, 1)
        write_atomically(self.path, json.dumps(figures, indent=1) + "\n")


def _one_line(error: Exception) -> str:
    return textwrap.shorten("".join(traceback.format_exception_only(error)), 300)


def refuse_other_size(path: Path, size: str) -> None:
    """Raise `ConfigError` where the figures on file are of networks of another size."""
    if not path.exists():
        return
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["size"]
    except (ValueError, KeyError, TypeError):
        raise ConfigError(
            f"{path} holds no figures of benchmarks.gpu; expected a file of its own for --results"
        ) from None
    if found != size:
        raise ConfigError(
            f"{path} holds figures of size {found}, and this run's size is {size}; "
            "give it another file with --results"
        )
