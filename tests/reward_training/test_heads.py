"""Rewards of every image with every text at once are those of one after another."""

import pytest
import torch
from torch.nn.functional import normalize

from reward_training.heads import CorrectedHead, make_head


@pytest.mark.parametrize("kind", ["similarity", "linear", "mlp"])
@pytest.mark.parametrize("whitened", [False, True])
@pytest.mark.parametrize(("num_images", "num_texts"), [(5, 3), (1, 4), (4, 1)])
def test_a_table_has_what_forward_gives_and_the_same_gradients(
    kind, num_images, num_texts, whitened
):
    generator = torch.Generator().manual_seed(0)
    head = make_head(kind, scale=10.0, embed_dim=16, generator=generator)
    for weight in head.parameters():
        weight.data += 0.3 * torch.randn(weight.shape, generator=generator)
    if whitened and isinstance(head, CorrectedHead):
        head.texts.fit(normalize(torch.randn(9, 16, generator=generator), dim=-1))
    images, texts = (
        normalize(torch.randn(number, 16, generator=generator), dim=-1).requires_grad_()
        for number in (num_images, num_texts)
    )
    slopes = torch.randn(num_texts, num_images, generator=generator)
    read = [images, texts, *head.parameters()]
    flat = head(images.repeat(num_texts, 1), texts.repeat_interleave(num_images, 0))
    expected = flat.view(num_texts, num_images)
    found = head.table(images, texts)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(
        torch.autograd.grad(found, read, slopes), torch.autograd.grad(expected, read, slopes)
    )
