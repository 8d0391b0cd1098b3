"""What a person is told when the GPU's memory does not suffice."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from data.errors import PolicyError


@contextmanager
def shortage_explained(cure: str) -> Iterator[None]:
    """Raise `PolicyError` with what takes less memory where the GPU has too little."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise PolicyError(f"the GPU's memory does not suffice: {cure}") from None
