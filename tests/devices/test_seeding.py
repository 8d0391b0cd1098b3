"""Seeding for a while."""

import torch

from devices.seeding import seeded


def test_a_seed_decides_what_is_drawn_and_leaves_no_trace():
    torch.manual_seed(7)
    expected = torch.rand(2)
    torch.manual_seed(7)
    drawn = []
    for _ in range(2):
        with seeded(3, torch.device("cpu")):
            drawn.append(torch.rand(2))
    assert torch.equal(*drawn)
    assert torch.equal(torch.rand(2), expected)
