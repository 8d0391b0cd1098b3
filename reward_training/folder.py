"""A reward model as a folder that needs nothing beside it.

model.safetensors   every weight in fp32, the backbone's too; its metadata says how to build it
backbone/           the backbone's open_clip_config.json and tokenizer, no weights
config.yaml         the settings of the fit; a valid first argument of `reward_training.fit`
metrics.json        what was measured, and the snapshot's hash
reliability.png     how often the reward is right where it is how sure

Of a reward with several outputs the weights of a head begin with the output's name, and each output
has a picture, reliability-NAME.png.
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
from data.reward_address import split_address
from reward_training.combined import CombinedReward
from reward_training.config import FitConfig, HeadKind, TieModel
from reward_training.model import LearnedReward
from reward_training.towers.backbone import Backbone
from reward_training.towers.backbones import open_definition

WEIGHTS_FILE = "model.safetensors"
METRICS_FILE = "metrics.json"
_FORMAT = "tastemaker-reward-2"
"""The one key of the weights' metadata: safetensors writes several in a random order."""
_SHARED = "backbone."
"""Begins the names of weights that all outputs share."""


def save_reward(
    folder: Path,
    reward: LearnedReward | CombinedReward,
    config: FitConfig,
    metrics: dict[str, Any],
) -> None:
    """Write the folder aside, then rename it: it is there whole or not at all."""
    aside = folder.parent / f".{folder.name}.writing"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    reward.backbone.save_definition(aside / "backbone")
    weights = {name: tensor.cpu().contiguous() for name, tensor in _weights_of(reward).items()}
    about = _about(reward)
    write_atomically(aside / WEIGHTS_FILE, save(weights, {_FORMAT: canonical_json(about)}))
    dump_yaml(config, aside / "config.yaml")
    for name, measured in metrics.get("outputs", {"": metrics}).items():
        if "calibration" in measured:
            # Matplotlib takes a second to import, which opening a reward need not wait for.
            from reward_training.trust.plots import reliability_png

            picture = f"reliability-{name}.png" if name else "reliability.png"
            write_atomically(aside / picture, reliability_png(measured["calibration"]))
    write_atomically(aside / METRICS_FILE, json.dumps(metrics, indent=2, allow_nan=False) + "\n")
    aside.rename(folder)


def load_reward(folder: Path, device: str = "cpu") -> LearnedReward | CombinedReward:
    """Open a folder of `save_reward`, without gradients, on a device."""
    path = folder / WEIGHTS_FILE
    if not path.is_file():
        raise RewardError(
            f"no reward model at {folder}: expected a folder with {WEIGHTS_FILE}, "
            "as python -m reward_training.fit writes it"
        )
    about, weights = _read_weights(path)
    backbone = open_definition(folder / "backbone")
    shares = about.get("outputs", {})
    try:
        outputs = {name: _open_output(name, about, backbone, weights) for name in shares or ("",)}
    except RuntimeError:
        raise RewardError(
            f"{path} holds weights of another architecture than {folder / 'backbone'} describes; "
            "expected both from one fit: copy the whole folder again or fit anew"
        ) from None
    reward = CombinedReward(outputs, shares) if shares else outputs[""]
    reward.name, reward.snapshot = about["name"], about["snapshot"]
    return reward.requires_grad_(False).to(device)


def open_address(text: str, device: str = "cpu") -> LearnedReward | CombinedReward:
    """Open FOLDER, or one output of it as FOLDER@OUTPUT; `RewardError` where it has none such."""
    folder, output = split_address(text)
    reward = load_reward(Path(folder), device)
    if not output:
        return reward
    if output not in reward.outputs:
        named = ", ".join(filter(None, reward.outputs))
        raise RewardError(
            f"reward {text}: {folder} has no output {output!r}; "
            + (f"expected one of {named}" if named else f"it has one alone: open {folder} itself")
        )
    return reward.outputs[output]


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


def _about(reward: LearnedReward | CombinedReward) -> dict[str, Any]:
    """Return how to build the reward, which is the same for all of its outputs."""
    output = next(iter(reward.outputs.values()))
    return {
        "head": output.head_kind,
        "ties": output.ties,
        "name": reward.name,
        "snapshot": reward.snapshot,
    } | ({"outputs": reward.weights} if isinstance(reward, CombinedReward) else {})


def _weights_of(reward: LearnedReward | CombinedReward) -> dict[str, Tensor]:
    """Return all weights, those of the backbone once."""
    weights = {}
    for name, output in reward.outputs.items():
        for key, tensor in output.state_dict().items():
            weights[_stored_name(name, key)] = tensor
    return weights


def _stored_name(output: str, key: str) -> str:
    return key if not output or key.startswith(_SHARED) else f"{output}.{key}"


def _open_output(
    name: str, about: dict[str, Any], backbone: Backbone, weights: dict[str, Tensor]
) -> LearnedReward:
    """Build an output on a backbone; `RuntimeError` where the weights do not fit."""
    own = weights
    if name:
        shared = {key: tensor for key, tensor in weights.items() if key.startswith(_SHARED)}
        prefix = f"{name}."
        own = shared | {
            k.removeprefix(prefix): w for k, w in weights.items() if k.startswith(prefix)
        }
    reward = LearnedReward(
        backbone,
        head=cast(HeadKind, about["head"]),
        ties=cast(TieModel, about["ties"]),
        generator=torch.Generator(),
    )
    # What is there once a fit has found it out, and not in every folder.
    for key in [key for key in own if key.startswith(("posterior_", "head.texts."))]:
        module, _, buffer = key.rpartition(".")
        setattr(reward.get_submodule(module), buffer, torch.empty_like(own[key]))
    # Folders written before fits were calibrated have no temperature, or none but that.
    uncalibrated = {"temperature": torch.ones(()), "slips": torch.zeros(())}
    reward.load_state_dict(uncalibrated | own)
    reward.name, reward.snapshot = (
        f"{about['name']}@{name}" if name else about["name"],
        about["snapshot"],
    )
    return reward


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
