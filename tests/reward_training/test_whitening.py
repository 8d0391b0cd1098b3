"""Texts that differ by little are told apart by as much as texts that differ by a lot."""

import pytest
import torch
from torch.nn.functional import normalize

from reward_training.whitening import DEVIATION, NUM_DIRECTIONS, SMALLEST, Whitening

WIDTH = 64


def _texts(num, deviations, seed=0):
    """Draw texts around one mean that vary by so much along so many directions."""
    generator = torch.Generator().manual_seed(seed)
    directions = torch.linalg.qr(torch.randn(WIDTH, WIDTH, generator=generator)).Q
    spread = torch.randn(num, len(deviations), generator=generator) * torch.tensor(deviations)
    return directions[:, -1] + spread @ directions[:, : len(deviations)].T


def _covariance(read):
    centred = (read - read.mean(dim=0)).double()
    return centred.T @ centred / len(read)


def test_each_direction_has_the_same_deviation_and_the_others_none():
    texts = _texts(300, [0.5, 0.1, 0.02])
    whitening = Whitening()
    whitening.fit(texts)
    read = whitening(texts)
    torch.testing.assert_close(read.mean(dim=0), torch.zeros(WIDTH), atol=1e-5, rtol=0)
    variances = torch.linalg.eigvalsh(_covariance(read))
    expected = torch.zeros(WIDTH, dtype=torch.double)
    expected[-3:] = DEVIATION**2 * WIDTH
    torch.testing.assert_close(variances, expected, atol=1e-4, rtol=1e-3)


def test_texts_are_turned_no_more_than_they_must_be():
    """ZCA: where all directions vary alike, whitening is a factor and leaves them as they lie."""
    generator = torch.Generator().manual_seed(0)
    corners = torch.cat([torch.eye(8), -torch.eye(8)]) / 8**0.5
    texts = corners + torch.randn(8, generator=generator)
    whitening = Whitening()
    whitening.fit(texts)
    read, centred = whitening(texts), texts - texts.mean(dim=0)
    torch.testing.assert_close(read, centred * (read.norm() / centred.norm()))


@pytest.mark.parametrize(
    ("num", "expected"), [(5, 4), (NUM_DIRECTIONS + 10, NUM_DIRECTIONS), (200, 50)]
)
def test_how_many_directions_are_read(num, expected):
    whitening = Whitening()
    whitening.fit(_texts(num, [0.2] * 60))
    assert torch.linalg.matrix_rank(whitening.matrix) == expected


def test_what_varies_by_less_than_a_hundredth_is_noise():
    whitening = Whitening()
    whitening.fit(_texts(400, [1.0, 2 * SMALLEST, SMALLEST / 2]))
    assert torch.linalg.matrix_rank(whitening.matrix) == 2


@pytest.mark.parametrize("num", [1, 3])
def test_texts_that_do_not_differ_are_read_as_they_are(num):
    texts = normalize(_texts(1, [0.5]), dim=-1).repeat(num, 1)
    whitening = Whitening()
    whitening.fit(_texts(9, [0.5]))
    whitening.fit(texts)
    torch.testing.assert_close(whitening(texts), texts * WIDTH**0.5)
