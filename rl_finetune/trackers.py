"""TensorBoard and W&B beside metrics.jsonl, through accelerate's trackers."""

import dataclasses
import importlib
import importlib.util
import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from accelerate.utils import ProjectConfiguration

from data.errors import ConfigError
from data.files import write_atomically
from rl_finetune.config import Tracker, TuneConfig
from rl_finetune.metrics import IterationMetrics

_PROJECT = "tastemaker"


class Trackers:
    """Where a run's metrics are shown too; none by default. Only the main process writes."""

    def __init__(self, names: Sequence[Tracker], folder: Path) -> None:
        """Prepare trackers that keep their files in a folder, made when the run starts.

        Raises `ConfigError` for one whose package is not installed.
        """
        for name in names:
            if importlib.util.find_spec(name) is None:
                raise ConfigError(
                    f"trackers: {name} is not installed; `pip install {name}`, or leave it out"
                )
        self._names = tuple(names)
        self._folder = folder
        self._accelerator: Accelerator | None = None

    def start(self, config: TuneConfig, done: int) -> None:
        """Begin, or go on after so many iterations: later ones that were logged do not count.

        Raises `ConfigError` where W&B refuses, for want of a login or a connection.
        """
        if not self._names:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        self._accelerator = Accelerator(
            log_with=[*self._names],
            project_config=ProjectConfiguration(logging_dir=str(self._folder)),
        )
        settings = {name: str(value) for name, value in _flat(dataclasses.asdict(config))}
        try:
            self._accelerator.init_trackers(
                _PROJECT, config=settings, init_kwargs=self._options(done)
            )
        except self._refusals() as error:
            raise ConfigError(
                f"trackers: wandb cannot start ({error}); run `wandb login`, set "
                "WANDB_MODE=offline or leave it out, and go on with --resume"
            ) from error

    def _refusals(self) -> tuple[type[Exception], ...]:
        return (importlib.import_module("wandb.errors").Error,) if "wandb" in self._names else ()

    def _options(self, done: int) -> dict[str, dict[str, Any]]:
        options: dict[str, dict[str, Any]] = {"tensorboard": {"purge_step": done + 1}}
        if "wandb" in self._names:
            options["wandb"] = {
                "id": self._run_id(),
                "resume": "allow",
                "dir": str(self._folder),
            }
        return options

    def _run_id(self) -> str:
        """Return the id by which W&B knows this run, the same after a resume."""
        path = self._folder / "wandb.json"
        if not path.exists():
            write_atomically(path, json.dumps({"id": secrets.token_hex(8)}) + "\n")
        return json.loads(path.read_text(encoding="utf-8"))["id"]

    def log(self, record: IterationMetrics) -> None:
        """Log every number of an iteration, at its step."""
        if self._accelerator is not None:
            self._accelerator.log(dict(scalars(record)), step=record.iteration)

    def finish(self) -> None:
        """Write what is left."""
        if self._accelerator is not None:
            # Not by `end_training`, which closes the connections that the other processes wait on.
            for tracker in self._accelerator.trackers:
                tracker.finish()


def scalars(record: IterationMetrics) -> Iterator[tuple[str, float]]:
    """Yield a record's numbers; those of a prompt or a denoising step are named `field/which`."""
    for name, value in _flat(dataclasses.asdict(record)):
        if isinstance(value, int | float):
            yield name, value


def _flat(tree: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        path = f"{above}{name}"
        if isinstance(value, list | tuple):
            value = {str(index): each for index, each in enumerate(value)}  # noqa: PLW2901
        if isinstance(value, dict):
            yield from _flat(value, f"{path}/")
        else:
            yield path, value
