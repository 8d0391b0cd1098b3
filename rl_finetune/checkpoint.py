"""Checkpoints: everything a run needs to go on as if it had never stopped.

A checkpoint is a folder checkpoints/<iteration>/ with state.pt and what is trained in diffusers'
format (so that it also serves as `--adapter`). It is written aside and renamed; the newest two are
kept.
Prompts, image seeds and trained steps are functions of the run's seed and the iteration, so no
generator of ours has a state to keep; those of torch, numpy and Python, which a user's reward may
draw from, are kept, of each process.
"""

import logging
import pickle
import random
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from data.errors import PolicyError
from data.files import writing_atomically
from devices.processes import Processes
from rl_finetune.policy import DiffusionPolicy

logger = logging.getLogger(__name__)

_NUM_KEPT = 2
_STATE = "state.pt"


@runtime_checkable
class Stateful(Protocol):
    """Something that changes while a run trains, and can be put back."""

    def state_dict(self) -> dict[str, Any]:
        """Return all that changes, as tensors, numbers, texts and containers of them."""
        ...

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned."""
        ...


@dataclass(frozen=True, kw_only=True)
class TrainingState:
    """What changes while a run trains."""

    policy: DiffusionPolicy
    processes: Processes
    parts: dict[str, Stateful]
    """Optimiser, statistics and whatever else learns, by name."""


class Checkpoints:
    """The checkpoints of one run folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def newest(self) -> Path | None:
        """Return the newest checkpoint's folder."""
        found = self._all()
        return found[-1] if found else None

    def save(self, state: TrainingState, iteration: int) -> None:
        """Write the checkpoint of a finished iteration, then drop those that are too old.

        Every process of a run calls this; the main one writes.
        """
        packed = _pack(state, iteration)
        if not state.processes.is_main:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        final = self._folder / f"{iteration:06d}"
        aside = self._folder / f".{iteration:06d}.partial"
        for leftover in (aside, final):
            shutil.rmtree(leftover, ignore_errors=True)
        _write(packed, aside / _STATE)
        state.policy.save_adapter(aside)
        aside.rename(final)
        for old in self._all()[:-_NUM_KEPT]:
            shutil.rmtree(old)

    def load_newest(self, state: TrainingState) -> int:
        """Put the newest checkpoint back in place and return its iteration; 0 if there is none.

        Raises `PolicyError` where it cannot be read or was made with another base or rank.
        """
        newest = self.newest()
        if newest is None:
            return 0
        try:
            packed = torch.load(newest / _STATE, map_location="cpu", weights_only=True)
        except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
            raise PolicyError(
                f"{newest} cannot be read; delete it to go on from the checkpoint before"
            ) from error
        if packed["base"] != state.policy.fingerprint():
            raise PolicyError(f"{newest} was made with another base; expected the same --policy")
        _unpack(packed, state)
        return packed["iteration"]

    def _all(self) -> list[Path]:
        return sorted(self._folder.glob("[0-9]*")) if self._folder.is_dir() else []


def _write(packed: dict[str, Any], path: Path) -> None:
    """Write without a second copy in memory: of a whole UNet and its optimiser it would be huge."""
    with writing_atomically(path) as file:
        try:
            torch.save(packed, file)
        except RuntimeError as error:
            # torch's writer says only that it is not where it should be, not that the disk is full.
            raise (error.__context__ if isinstance(error.__context__, OSError) else error) from None


def _pack(state: TrainingState, iteration: int) -> dict[str, Any]:
    parameters = state.policy.adapter_parameters() if state.processes.is_main else {}
    return {
        "iteration": iteration,
        "base": state.policy.fingerprint(),
        "adapter": {name: p.detach().cpu() for name, p in parameters.items()},
        "parts": {name: part.state_dict() for name, part in state.parts.items()},
        "random": state.processes.gather_objects(_random_state(state.processes.device)),
    }


def _unpack(packed: dict[str, Any], state: TrainingState) -> None:
    parameters = state.policy.adapter_parameters()
    saved = packed["adapter"]
    shapes = {name: tuple(p.shape) for name, p in parameters.items()}
    if shapes != {name: tuple(p.shape) for name, p in saved.items()}:
        raise PolicyError(
            "the checkpoint's weights have other shapes; expected the same train and lora.rank"
        )
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(saved[name])
    for name, part in state.parts.items():
        part.load_state_dict(packed["parts"][name])
    processes, saved_random = state.processes, packed["random"]
    if len(saved_random) == processes.count:
        _set_random_state(saved_random[processes.index], processes.device)
    else:
        logger.warning(
            "the checkpoint was written by %d processes, not %d: a reward that draws at "
            "random draws otherwise than it would have",
            len(saved_random),
            processes.count,
        )


def _random_state(device: torch.device) -> dict[str, Any]:
    # The global generators, because a user's reward may draw from them.
    name, keys, *rest = np.random.get_state()  # noqa: NPY002
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state(device) if device.type == "cuda" else None,
        "numpy": (name, torch.from_numpy(np.asarray(keys).astype(np.int64)), *rest),
        "python": random.getstate(),
    }


def _set_random_state(saved: dict[str, Any], device: torch.device) -> None:
    name, keys, *rest = saved["numpy"]
    torch.set_rng_state(saved["torch"])
    of_device = _of_device(saved["cuda"], device)
    if of_device is not None and device.type == "cuda":
        torch.cuda.set_rng_state(of_device, device)
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))  # noqa: NPY002
    random.setstate(saved["python"])


def _of_device(saved: Tensor | list[Tensor] | None, device: torch.device) -> Tensor | None:
    """Return the state of this process's GPU; older checkpoints list those of all that it saw."""
    if not isinstance(saved, list):
        return saved
    index = device.index or 0
    return saved[index] if index < len(saved) else None
