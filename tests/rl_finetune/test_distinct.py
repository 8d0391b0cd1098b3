import torch

from rl_finetune.distinct import distinct_rows


def test_rows_are_numbered_by_their_first():
    latents = torch.tensor([3.0, 1.0, 3.0, 1.0, 1.0]).view(5, 1, 1, 1)
    timesteps = torch.tensor([7, 7, 7, 7, 8])
    first, places = distinct_rows(latents, timesteps)
    assert first.tolist() == [0, 1, 4]
    assert places.tolist() == [0, 1, 0, 1, 2]
    assert latents[first][places].equal(latents)


def test_different_rows_stay_in_their_order():
    rows = torch.randn(9, 4, generator=torch.Generator().manual_seed(0))
    first, places = distinct_rows(rows)
    assert first.tolist() == places.tolist() == list(range(9))
