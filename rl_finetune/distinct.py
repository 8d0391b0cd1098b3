"""Rows of a batch that are the same, so that the network sees each of them once."""

import torch
from jaxtyping import Int
from torch import Tensor


def distinct_rows(*columns: Tensor) -> tuple[Int[Tensor, " distinct"], Int[Tensor, " batch"]]:
    """Return the first row of each kind, in their order, and each row's place among those.

    Rows are of one kind where every entry of every column is equal.
    """
    rows = torch.cat([column.detach().reshape(len(column), -1) for column in columns], dim=1)
    kinds = rows.unique(dim=0, return_inverse=True)[1]
    numbers = torch.arange(len(rows), device=rows.device)
    first_of_kind = numbers.new_full((int(kinds.max()) + 1,), len(rows))
    first_of_kind = first_of_kind.scatter_reduce(0, kinds, numbers, "amin")
    first = first_of_kind.sort().values
    return first, torch.searchsorted(first, first_of_kind[kinds])
