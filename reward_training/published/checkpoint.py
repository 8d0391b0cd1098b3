"""Checkpoints as their publishers wrote them: state dicts of torch or safetensors, never code."""

import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from data.errors import RewardError

_SUFFIX = ".safetensors"


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a file by name, from within `state_dict` where the file has that.

    Raises `RewardError` for a file that is missing, damaged or no state dict. A pickle that would
    run code is refused, not run.
    """
    if not path.is_file():
        raise RewardError(f"no checkpoint at {path}: expected a file of weights")
    try:
        found = (
            load_file(path)
            if path.suffix == _SUFFIX
            else torch.load(path, map_location="cpu", weights_only=True)
        )
    except (SafetensorError, OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError):
        raise RewardError(
            f"{path} is damaged or holds more than weights; expected a checkpoint of tensors "
            "alone: download it again"
        ) from None
    weights = found.get("state_dict", found) if isinstance(found, Mapping) else found
    if not isinstance(weights, Mapping) or not all(isinstance(w, Tensor) for w in weights.values()):
        raise RewardError(f"{path} holds no tensors by name; expected a checkpoint of weights")
    return dict(weights)


def fill(module: nn.Module, weights: Mapping[str, Tensor], path: Path, what: str) -> None:
    """Copy weights into a module, which must have exactly those; `what` names the architecture."""
    own = {name: tensor.shape for name, tensor in module.state_dict().items()}
    missing = [name for name in own if name not in weights]
    unknown = [name for name in weights if name not in own]
    other = [name for name in own if name in weights and weights[name].shape != own[name]]
    for problem, names in (
        ("lacks", missing),
        ("also has", unknown),
        ("has another size of", other),
    ):
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            raise RewardError(
                f"{path} is no checkpoint of {what}: it {problem} {names[0]}{more}; expected the "
                "published layout"
            )
    module.load_state_dict(weights)


def checkpoint_of(path: str, repository: str, file: str) -> Path:
    """Return a file of one's own, or the hub's, downloaded once."""
    if path:
        return Path(path)
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(hf_hub_download(repository, file))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError):
        raise RewardError(
            f"cannot download {file} of {repository}; expected the hub, or the file's path after "
            "the reward's name and a colon"
        ) from None
