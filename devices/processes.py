"""The processes of a run or a fit, one per device: who does what, and what they tell each other.

Every process makes the same plan and takes its share of the work. What each found is gathered, so
that statistics and decisions are the same everywhere; gradients are summed, so that every process
takes the same update. One process is the case in which nothing is sent.
"""

import datetime
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar, cast

import torch
from accelerate import Accelerator, PartialState
from accelerate.utils import (
    InitProcessGroupKwargs,
    broadcast_object_list,
    gather_object,
    set_seed,
)
from torch import Tensor

from data.errors import ConfigError

T = TypeVar("T")

_PATIENCE = datetime.timedelta(hours=2)
"""How long a process waits for another, which may be drawing a gallery. If one ends with an error,
the launcher stops the others at once."""


class Processes:
    """This process among those that accelerate launched."""

    def __init__(self) -> None:
        self._accelerator = Accelerator(kwargs_handlers=[InitProcessGroupKwargs(timeout=_PATIENCE)])

    @property
    def device(self) -> torch.device:
        """The device of this process."""
        return self._accelerator.device

    @property
    def index(self) -> int:
        """Which of the processes this is, from 0 on."""
        return self._accelerator.process_index

    @property
    def count(self) -> int:
        """How many processes there are."""
        return self._accelerator.num_processes

    @property
    def is_main(self) -> bool:
        """This is the one that writes files and talks."""
        return self._accelerator.is_main_process

    @property
    def hides_bars(self) -> bool | None:
        """What tqdm's `disable` is told: bars are the main process's, and for terminals only."""
        return None if self.is_main else True

    def seed(self, seed: int) -> None:
        """Seed the global generators, which a user's reward may draw from, unlike in each."""
        set_seed(seed, device_specific=True)

    def share(self, num: int, what: str) -> slice:
        """Return this process's part of `num` rows, of `what`; all parts are equally long.

        Raises `ConfigError` where they cannot be.
        """
        if num % self.count:
            raise ConfigError(
                f"{num} {what} cannot be shared evenly by {self.count} processes; expected a "
                f"multiple of {self.count}"
            )
        size = num // self.count
        return slice(self.index * size, (self.index + 1) * size)

    def own(self, things: Sequence[T]) -> list[T]:
        """Return this process's turns among things that are dealt out one by one."""
        return list(things[self.index :: self.count])

    def map(self, compute: Callable[[Tensor], Tensor], chunks: Sequence[Tensor]) -> Tensor:
        """Return the rows that `compute` makes of all chunks, in order, on the CPU.

        Each chunk is computed by one process.
        """
        found = self.gather_objects([compute(chunk).cpu() for chunk in self.own(chunks)])
        turns = (divmod(number, self.count) for number in range(len(chunks)))
        return torch.cat([found[process][turn] for turn, process in turns])

    def gather(self, rows: Tensor) -> Tensor:
        """Return all processes' rows, in their order, where these rows are."""
        if self.count == 1:
            return rows
        return cast(Tensor, self._accelerator.gather(rows.to(self.device))).to(rows.device)

    def gather_objects(self, value: object) -> list[Any]:
        """Return every process's value, in their order."""
        return gather_object([value])

    def from_main(self, compute: Callable[[], T]) -> T:
        """Return what the main process computes, and it alone."""
        return cast(T, broadcast_object_list([compute() if self.is_main else None])[0])

    def sum(self, value: float) -> float:
        """Return the sum of all processes' values."""
        return self.gather(torch.tensor([value], dtype=torch.float64)).sum().item()

    def sum_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Let every process have the sum of all processes' gradients, in one message."""
        if self.count == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        total = cast(Tensor, self._accelerator.reduce(flat, "sum"))
        parts = total.split([gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    def wait(self) -> None:
        """Return when every process is here."""
        self._accelerator.wait_for_everyone()

    def leave(self) -> None:
        """Close the connections with all work done, or a process may abort when it ends.

        Not after an error: closing waits for the other processes, and they for the one that failed.
        """
        self.wait()
        PartialState().destroy_process_group()
