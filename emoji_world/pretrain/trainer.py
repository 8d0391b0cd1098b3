"""One resumable training loop for the world's four networks.

Batch `i` depends on the seed and on `i` alone, and every checkpoint holds weights, average,
optimiser and generator, so that an interrupted training ends where an uninterrupted one would.
"""

import io
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn
from tqdm import tqdm

from data.files import write_atomically

Loss = Callable[[np.random.Generator], Tensor]


@dataclass(frozen=True, kw_only=True)
class Training:
    """How long and how fast one network is trained."""

    num_updates: int
    learning_rate: float
    warmup: int = 100
    weight_decay: float = 0.01
    grad_norm: float = 1.0
    average: float = 0.0
    """Decay of the exponential moving average of the weights; 0 keeps the last weights."""

    cool_down: float = 0.5
    """Part of the training, at its end, over which the rate falls to zero along a cosine."""

    cycles: int = 1
    """Times that the rate rises and falls again (warm restarts: Loshchilov and Hutter, 2017)."""

    save_every: int = 200

    def rate(self, update: int) -> float:
        """Return the factor of the learning rate at an update."""
        length = self.num_updates / self.cycles
        within = update % length if update < self.num_updates else length
        start = length * (1 - self.cool_down)
        fall = 1.0
        if within > start:
            fall = 0.5 * (1 + math.cos(math.pi * (within - start) / (length - start)))
        return min(1.0, (within + 1) / self.warmup) * fall


def train(
    name: str,
    network: nn.Module,
    loss: Loss,
    training: Training,
    folder: Path,
    *,
    seed: int,
    groups: list[dict] | None = None,
    sample: Callable[[nn.Module, Path], None] | None = None,
) -> nn.Module:
    """Train `network` in place and return it with its averaged weights loaded.

    Args:
        name: names the checkpoint, the log and the progress bar.
        network: holds every trained parameter.
        loss: draws a batch from the generator it is given and returns its loss.
        training: length and rates.
        folder: where the checkpoint and the log go; an existing checkpoint is continued.
        seed: of the batches and of torch's noise.
        groups: optimiser groups where parts learn at different rates.
        sample: writes a picture of what the network can do, at each checkpoint.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if load_finished(network, folder, name):
        return network
    optimiser = torch.optim.AdamW(
        groups or network.parameters(),
        lr=training.learning_rate,
        weight_decay=training.weight_decay,
    )
    # A plain function: the schedule's state would pickle anything else that is callable.
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda update: training.rate(update))  # noqa: PLW0108
    average = torch.optim.swa_utils.AveragedModel(
        network,
        multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(training.average),
        use_buffers=True,
    )
    checkpoint = folder / f"{name}.pt"
    parts = {"network": network, "average": average, "optimiser": optimiser, "schedule": schedule}
    done = _resume(checkpoint, parts)
    bar = tqdm(
        range(done, training.num_updates),
        initial=done,
        total=training.num_updates,
        desc=name,
        unit="update",
    )
    smooth, began = 0.0, time.monotonic()
    network.train()
    for update in bar:
        torch.manual_seed(seed * 1_000_003 + update)
        value = loss(np.random.default_rng((seed, update)))
        optimiser.zero_grad(set_to_none=True)
        value.backward()
        nn.utils.clip_grad_norm_(network.parameters(), training.grad_norm)
        optimiser.step()
        schedule.step()
        average.update_parameters(network)
        smooth = value.item() if update == done else 0.98 * smooth + 0.02 * value.item()
        bar.set_postfix(loss=f"{smooth:.4f}", refresh=False)
        if (update + 1) % training.save_every == 0 or update + 1 == training.num_updates:
            _save(checkpoint, parts, update + 1)
            _log(folder / f"{name}.jsonl", update + 1, smooth, time.monotonic() - began)
            if sample is not None:
                sample(average.module, folder / f"{name}.png")
    network.load_state_dict(average.module.state_dict())
    write_weights(network, finished_path(folder, name))
    return network.eval()


def finished_path(folder: Path, name: str) -> Path:
    """Return where a finished training leaves its averaged weights."""
    return folder / f"{name}.safetensors"


def write_weights(network: nn.Module, path: Path, dtype: torch.dtype = torch.float32) -> None:
    """Write a network's weights as safetensors."""
    state = {key: value.to(dtype).contiguous() for key, value in network.state_dict().items()}
    write_atomically(path, safetensors.torch.save(state))


def load_finished(network: nn.Module, folder: Path, name: str) -> bool:
    """Load a finished training's weights; False where there are none yet."""
    path = finished_path(folder, name)
    if not path.is_file():
        return False
    network.load_state_dict(safetensors.torch.load_file(path))
    network.eval()
    return True


def _resume(checkpoint: Path, parts: dict) -> int:
    if not checkpoint.is_file():
        return 0
    state = torch.load(checkpoint, weights_only=True)
    for key, part in parts.items():
        part.load_state_dict(state[key])
    return int(state["done"])


def _save(checkpoint: Path, parts: dict, done: int) -> None:
    state = {key: part.state_dict() for key, part in parts.items()} | {"done": done}
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_atomically(checkpoint, buffer.getvalue())


def _log(path: Path, update: int, loss: float, seconds: float) -> None:
    with path.open("a", encoding="utf-8") as log:
        log.write(
            json.dumps({"update": update, "loss": round(loss, 5), "seconds": round(seconds)}) + "\n"
        )
