"""An evaluation's folder: what was asked for, and of each policy the images' records and features.

`settings.yaml` holds what is the same for all policies, `POLICY.jsonl` a line per image and
`POLICY.npy` the features where there is a vision tower, `evaluation.json` every measure with its
interval beside the base's.
"""

import dataclasses
import io
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from data.config_file import dump_yaml, load_yaml
from data.errors import ConfigError
from data.files import write_atomically
from data.json_lines import read_json_lines
from rl_finetune.config import SamplingConfig
from rl_finetune.evaluation import Evaluated, EvaluatedImage


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationSettings:
    """What decides every policy's images and measures."""

    base: str
    prompts: str
    num_steps: int
    guidance: float
    eta: float
    num_images_per_prompt: int
    rewards: tuple[str, ...]
    features: str

    @property
    def sampling(self) -> SamplingConfig:
        """How images are drawn."""
        return SamplingConfig(num_steps=self.num_steps, guidance=self.guidance, eta=self.eta)


class EvaluationFolder:
    """Where policies' evaluations are kept, so that none is made twice."""

    def __init__(self, path: Path, settings: EvaluationSettings) -> None:
        self.path = path
        self._settings = settings

    def open(self) -> None:
        """Start the folder or go on with it; `ConfigError` where it was made with other settings.

        Measures of policies that were not looked at in the same way do not compare.
        """
        kept = self.path / "settings.yaml"
        if not kept.exists():
            dump_yaml(self._settings, kept)
            return
        before = dataclasses.asdict(load_yaml(EvaluationSettings, kept))
        for name, value in dataclasses.asdict(self._settings).items():
            if before[name] != value:
                raise ConfigError(
                    f"{self.path} was evaluated with {name} {before[name]}, not {value}: choose "
                    "another --out"
                )

    def find(self, policy: str, adapter_sha256: str | None) -> Evaluated | None:
        """Return what is known of a policy, unless it has other weights now."""
        records, features = self._paths(policy)
        if not records.exists():
            return None
        images = [EvaluatedImage(**each) for each in read_json_lines(records)]
        if any(image.adapter_sha256 != adapter_sha256 for image in images):
            return None
        return Evaluated(
            images=images,
            features=torch.from_numpy(np.load(features)) if features.exists() else None,
        )

    def keep(self, policy: str, evaluated: Evaluated) -> None:
        """Write a policy's evaluation; the records come last and say that it is whole."""
        records, features = self._paths(policy)
        records.unlink(missing_ok=True)
        if evaluated.features is not None:
            buffer = io.BytesIO()
            np.save(buffer, evaluated.features.numpy())
            write_atomically(features, buffer.getvalue())
        lines = [json.dumps(dataclasses.asdict(image)) + "\n" for image in evaluated.images]
        write_atomically(records, "".join(lines))

    def _paths(self, policy: str) -> tuple[Path, Path]:
        return self.path / f"{policy}.jsonl", self.path / f"{policy}.npy"

    def write_summary(self, summary: object) -> Path:
        """Write the measures, and return where."""
        path = self.path / "evaluation.json"
        write_atomically(path, json.dumps(summary, indent=1, sort_keys=True) + "\n")
        return path
