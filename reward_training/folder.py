"""A reward model as a folder that needs nothing beside it.

model.safetensors   every weight in fp32, the backbone's too; its metadata says how to build it
backbone/           the backbone's open_clip_config.json and tokenizer, no weights
config.yaml         the settings of the fit; a valid first argument of `reward_training.fit`
metrics.json        what was measured, and the snapshot's hash
reliability.png     how often the reward is right where it is how sure
"""

import json
import shutil
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from data.config_file import dump_yaml
from data.errors import RewardError
from data.files import canonical_json, write_atomically
from reward_training.backbones import open_definition
from reward_training.config import FitConfig, HeadKind, TieModel
from reward_training.model import LearnedReward

WEIGHTS_FILE = "model.safetensors"
METRICS_FILE = "metrics.json"
RELIABILITY_FILE = "reliability.png"
_FORMAT = "tastemaker-reward-2"
"""The one key of the weights' metadata: safetensors writes several in a random order."""


def save_reward(
    folder: Path, reward: LearnedReward, config: FitConfig, metrics: dict[str, Any]
) -> None:
    """Write the folder aside, then rename it: it is there whole or not at all."""
    aside = folder.parent / f".{folder.name}.writing"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    reward.backbone.save_definition(aside / "backbone")
    about = {
        "head": reward.head_kind,
        "ties": reward.ties,
        "name": reward.name,
        "snapshot": reward.snapshot,
    }
    weights = {name: tensor.cpu().contiguous() for name, tensor in reward.state_dict().items()}
    write_atomically(aside / WEIGHTS_FILE, save(weights, {_FORMAT: canonical_json(about)}))
    dump_yaml(config, aside / "config.yaml")
    if "calibration" in metrics:
        # Matplotlib takes a second to import, which opening a reward need not wait for.
        from reward_training.plots import reliability_png

        write_atomically(aside / RELIABILITY_FILE, reliability_png(metrics["calibration"]))
    write_atomically(aside / METRICS_FILE, json.dumps(metrics, indent=2, allow_nan=False) + "\n")
    aside.rename(folder)


def load_reward(folder: Path, device: str = "cpu") -> LearnedReward:
    """Open a folder of `save_reward`, without gradients, on a device."""
    path = folder / WEIGHTS_FILE
    if not path.is_file():
        raise RewardError(
            f"no reward model at {folder}: expected a folder with {WEIGHTS_FILE}, "
            "as python -m reward_training.fit writes it"
        )
    about, weights = _read_weights(path)
    reward = LearnedReward(
        open_definition(folder / "backbone"),
        head=cast(HeadKind, about["head"]),
        ties=cast(TieModel, about["ties"]),
        generator=torch.Generator(),
    )
    for name in [name for name in weights if name.startswith("posterior_")]:
        setattr(reward, name, torch.empty_like(weights[name]))
    # Folders written before fits were calibrated have no temperature.
    weights.setdefault("temperature", torch.ones(()))
    try:
        reward.load_state_dict(weights)
    except RuntimeError:
        raise RewardError(
            f"{path} holds weights of another architecture than {folder / 'backbone'} describes; "
            "expected both from one fit: copy the whole folder again or fit anew"
        ) from None
    reward.name, reward.snapshot = about["name"], about["snapshot"]
    return reward.requires_grad_(False).to(device)


def read_metrics(folder: Path) -> dict[str, Any]:
    """Return what was measured when the folder was written."""
    path = folder / METRICS_FILE
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise RewardError(
            f"{folder} is there but holds no {METRICS_FILE} that can be read; expected a reward "
            "model or nothing: move it away or choose another name"
        ) from None


def _read_weights(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return how the model is built, and its weights."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in list(file.keys())}
    except (SafetensorError, OSError) as error:
        raise RewardError(
            f"{path} is damaged ({error}); expected weights of a reward model: copy the folder "
            "again or fit anew"
        ) from None
    if _FORMAT not in metadata:
        raise RewardError(
            f"{path} is not a reward model of this version: expected {_FORMAT} in its metadata; "
            "fit it with python -m reward_training.fit"
        )
    return json.loads(metadata[_FORMAT]), weights
