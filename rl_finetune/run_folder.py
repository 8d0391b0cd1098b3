"""A run's folder: config, environment, metrics, checkpoints, sample grids, trackers and adapter."""

import dataclasses
import importlib.metadata
import json
import platform
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from data.config_file import dump_yaml, load_yaml
from data.errors import ConfigError
from data.files import sha256_of, write_atomically
from data.records import Prompt
from rl_finetune.checkpoint import Checkpoints
from rl_finetune.config import TuneConfig
from rl_finetune.metrics import DpokMetrics, MetricsFile, SupervisedMetrics
from rl_finetune.policy import DiffusionPolicy
from rl_finetune.trained import weights_file

_PACKAGES = ("tastemaker", "torch", "diffusers", "transformers", "peft", "accelerate", "numpy")
_MAY_CHANGE = frozenset({"iterations", "checkpoint_every", "gallery", "trackers"})
_MEMORY = frozenset({"sampling.batch_size", "optimiser.batch_size", "gradient_checkpointing"})
"""What decides how much memory a run takes; its results, up to rounding, do not depend on it."""


class RunFolder:
    """One run on disk."""

    def __init__(self, path: Path, config: TuneConfig) -> None:
        self.path = path
        self._config = config
        self.config_path = path / "config.yaml"
        self.prompts = path / "prompts.txt"
        self.adapter = path / "adapter"
        self.dataset = path / "dataset"
        self.metrics = MetricsFile(
            path / "metrics.jsonl",
            DpokMetrics if config.objective == "dpok" else SupervisedMetrics,
        )
        self.checkpoints = Checkpoints(path / "checkpoints")
        self.trackers = path / "trackers"

    def gallery_path(self, iteration: int) -> Path:
        """Return where the sample grid of an iteration is."""
        return self.path / "samples" / f"{iteration:06d}.png"

    def check(self, *, resume: bool) -> None:
        """Make sure that a run with its config may start or go on here; nothing is written.

        Raises `ConfigError` for a folder in use, and for a resumed run whose config has changed in
        more than its length, what it writes and the memory that it takes.
        """
        if self.config_path.exists():
            if not resume:
                raise ConfigError(
                    f"{self.path} holds a run already: add --resume to go on with it, or choose "
                    "another --out"
                )
            _refuse_changes(load_yaml(TuneConfig, self.config_path), self._config, self.path)
        elif self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
            raise ConfigError(f"{self.path} is in use and holds no run; choose another --out")

    def refuse_other_prompts(self, prompts: list[Prompt]) -> None:
        """Raise `ConfigError` where the run was started with other prompts than these.

        Which of them an iteration draws depends on all of them.
        """
        if self.prompts.exists() and self.prompts.read_text(encoding="utf-8") != _lines(prompts):
            raise ConfigError(
                f"{self.path} was started with other prompts than {self._config.prompts} has now: "
                f"{self.prompts} lists them; put them back, or choose another --out"
            )

    def write_about(self, device: torch.device, prompts: list[Prompt]) -> None:
        """Write the config and prompts, by which the run can be repeated, and what it runs on."""
        dump_yaml(self._config, self.config_path)  # first: by it the folder is known as a run's
        write_atomically(self.prompts, _lines(prompts))
        environment = {
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.machine()}",
            "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
            "num_threads": torch.get_num_threads(),
            "packages": {name: importlib.metadata.version(name) for name in _PACKAGES},
        }
        text = json.dumps(environment, indent=2, sort_keys=True)
        write_atomically(self.path / "environment.json", f"{text}\n")

    def is_published(self) -> bool:
        """The adapter is that of the newest checkpoint."""
        newest, published = self.checkpoints.newest(), weights_file(self.adapter)
        if newest is None or not published.is_file():
            return False
        return sha256_of(published) == sha256_of(weights_file(newest))

    def publish_adapter(self, policy: DiffusionPolicy, model_card: str) -> None:
        """Write the final adapter with its model card, whole or not at all."""
        aside = self.path / ".adapter.partial"
        shutil.rmtree(aside, ignore_errors=True)
        policy.save_adapter(aside)
        write_atomically(aside / "README.md", model_card)
        shutil.rmtree(self.adapter, ignore_errors=True)
        aside.rename(self.adapter)


def _lines(prompts: list[Prompt]) -> str:
    return "".join(f"{' '.join(prompt.text.splitlines())}\n" for prompt in prompts)


def _refuse_changes(saved: TuneConfig, given: TuneConfig, path: Path) -> None:
    for name, before, after in _changes(saved, given):
        if name.partition(".")[0] not in _MAY_CHANGE and name not in _MEMORY:
            raise ConfigError(
                f"{path} was started with {name} {before}, not {after}: resume it as it was, or "
                "choose another --out"
            )


def _changes(before: Any, after: Any, above: str = "") -> Iterator[tuple[str, Any, Any]]:  # noqa: ANN401
    """Yield each field that differs, as section.field, with its two values."""
    for field in dataclasses.fields(before):
        old, new = getattr(before, field.name), getattr(after, field.name)
        if dataclasses.is_dataclass(old):
            yield from _changes(old, new, f"{above}{field.name}.")
        elif old != new:
            yield f"{above}{field.name}", old, new
