"""ImageReward against plain matrices, and at full size against its publisher's own code."""

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
from published_layouts import LAYERS, WIDTH, image_reward_weights, write_vocabulary
from torch import Tensor
from torch.nn import functional

from reward_training.published.opening import open_published
from reward_training.published.own_score import OwnScore

PROMPTS = ["a green rabbit", "a bright dog, on the moon", "a dark cat"]
HEADS = 2
FIXTURE = Path(__file__).with_name("imagereward_parity.json")
VOCABULARY = {
    "[PAD]": 0, "[UNK]": 100, "[CLS]": 101, "[SEP]": 102, "[MASK]": 103, ",": 1010, "the": 1996,
    "and": 1998, "in": 1999, "on": 2006, "a": 1037, "four": 2176, "park": 2380, "art": 2396,
    "green": 2665, "digital": 3617, "dog": 3899, "moon": 4231, "cat": 4937, "wolves": 8588,
    "rabbit": 10442,
}  # fmt: skip
"""Where bert-base-uncased has the words of the fixture's prompts."""


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Tensor:
    """Return attention with heads side by side in the last dimension."""
    q, k, v = (
        part.unflatten(-1, (HEADS, WIDTH // HEADS)).transpose(-2, -3)
        for part in (query, key, value)
    )
    logits = q @ k.transpose(-1, -2) / (WIDTH // HEADS) ** 0.5
    if mask is not None:
        logits = logits.masked_fill(mask[:, None, None, :] == 0, -torch.inf)
    return (logits.softmax(dim=-1) @ v).transpose(-2, -3).flatten(-2)


class Plain:
    """ImageReward's sums as the papers describe them, on the checkpoint's own names."""

    def __init__(self, weights: dict[str, Tensor]) -> None:
        self.weights = weights

    def linear(self, name: str, x: Tensor) -> Tensor:
        return x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def norm(self, name: str, x: Tensor, eps: float) -> Tensor:
        weight, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        return functional.layer_norm(x, x.shape[-1:], weight, bias, eps)

    def see(self, pixels: Tensor) -> Tensor:
        name = "blip.visual_encoder"
        kernel = self.weights[f"{name}.patch_embed.proj.weight"]
        bias = self.weights[f"{name}.patch_embed.proj.bias"]
        patches = functional.conv2d(pixels, kernel, bias, stride=kernel.shape[-1])
        first = self.weights[f"{name}.cls_token"].expand(len(pixels), -1, -1)
        x = torch.cat([first, patches.flatten(2).transpose(1, 2)], dim=1)
        x = x + self.weights[f"{name}.pos_embed"]
        for n in range(LAYERS):
            block = f"{name}.blocks.{n}"
            qkv = self.linear(f"{block}.attn.qkv", self.norm(f"{block}.norm1", x, 1e-6))
            x = x + self.linear(f"{block}.attn.proj", attend(*qkv.chunk(3, dim=-1)))
            hidden = self.linear(f"{block}.mlp.fc1", self.norm(f"{block}.norm2", x, 1e-6))
            x = x + self.linear(f"{block}.mlp.fc2", functional.gelu(hidden))
        return self.norm(f"{name}.norm", x, 1e-6)

    def read(self, tokens: Tensor, mask: Tensor, seen: Tensor) -> Tensor:
        name = "blip.text_encoder"
        places = self.weights[f"{name}.embeddings.position_embeddings.weight"]
        x = self.weights[f"{name}.embeddings.word_embeddings.weight"][tokens]
        x = self.norm(f"{name}.embeddings.LayerNorm", x + places[: tokens.shape[1]], 1e-12)
        for n in range(LAYERS):
            layer = f"{name}.encoder.layer.{n}"
            x = self.mix(f"{layer}.attention", x, x, mask)
            x = self.mix(f"{layer}.crossattention", x, seen, None)
            hidden = functional.gelu(self.linear(f"{layer}.intermediate.dense", x))
            added = x + self.linear(f"{layer}.output.dense", hidden)
            x = self.norm(f"{layer}.output.LayerNorm", added, 1e-12)
        return x[:, 0]

    def mix(self, name: str, x: Tensor, other: Tensor, mask: Tensor | None) -> Tensor:
        query = self.linear(f"{name}.self.query", x)
        key, value = (self.linear(f"{name}.self.{part}", other) for part in ("key", "value"))
        added = x + self.linear(f"{name}.output.dense", attend(query, key, value, mask))
        return self.norm(f"{name}.output.LayerNorm", added, 1e-12)

    def reward(self, pixels: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
        x = self.read(tokens, mask, self.see(pixels))
        for place in (0, 2, 4, 6, 7):
            x = self.linear(f"mlp.layers.{place}", x)
        return (x[:, 0] - 0.16717362830052426) / 1.0333394966054072


def test_small_scores_are_those_of_plain_matrices(image_reward_file):
    reward = open_published(f"image-reward:{image_reward_file}")
    assert isinstance(reward, OwnScore)
    images = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    mean = torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(3, 1, 1)
    std = torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(3, 1, 1)
    read = reward.backbone.tokenizer(
        PROMPTS, padding="max_length", max_length=35, return_tensors="pt"
    )
    assert (read["attention_mask"].sum(dim=1) == torch.tensor([5, 9, 5])).all()
    plain = Plain(image_reward_weights())
    expected = plain.reward((images - mean) / std, read["input_ids"], read["attention_mask"])
    assert expected.std() > 0.01  # or the next line would say little
    torch.testing.assert_close(reward(images, PROMPTS), expected, atol=1e-5, rtol=1e-4)


def full_size_weights(layout: dict[str, tuple[list[int], str]]) -> dict[str, Tensor]:
    """Fill the checkpoint's tensors by the fixture's rule."""
    weights: dict[str, Tensor] = {}
    for name, (shape, dtype) in layout.items():
        if dtype == "torch.int64":
            weights[name] = torch.arange(512).view(shape)
            continue
        seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "little")
        drawn = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
        x = torch.from_numpy(drawn)
        is_norm = name.endswith("norm.weight") or any(
            part in name for part in ("LayerNorm.weight", ".norm1.weight", ".norm2.weight")
        )
        scale = 0.05 if name.startswith("mlp.") else 0.02
        weights[name] = 1 + 0.02 * x if is_norm else scale * x
    return weights


def full_size_images() -> list[Tensor]:
    """Return the fixture's four images, each of another size."""
    images: list[Tensor] = []
    for n in range(4):
        noise = (np.random.default_rng(n).random((8, 8, 3)) * 255).astype(np.uint8)
        size = (200 + 17 * n, 300 - 11 * n)
        picture = PIL.Image.fromarray(noise).resize(size, PIL.Image.Resampling.BILINEAR)
        images.append(torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float() / 255)
    return images


@pytest.mark.skipif(
    "TASTEMAKER_FULL_SIZE" not in os.environ,
    reason="needs 6 GB and a minute: set TASTEMAKER_FULL_SIZE=1",
)
def test_full_size_scores_are_those_of_the_publishers_own_code(tmp_path):
    fixture = json.loads(FIXTURE.read_text())
    words = [f"[unused{n}]" for n in range(30522)]
    for word, place in VOCABULARY.items():
        words[place] = word
    write_vocabulary(tmp_path, words)
    torch.save(full_size_weights(fixture["tensors"]), tmp_path / "ImageReward.pt")
    reward = open_published(f"image-reward:{tmp_path / 'ImageReward.pt'}")
    (tmp_path / "ImageReward.pt").unlink()  # 1.8 GB, which pytest would keep
    images, scores = full_size_images(), fixture["scores"]
    for n, image in enumerate(images):
        together = reward(image.expand(len(scores), -1, -1, -1), list(scores))
        expected = torch.tensor([of_prompt[n] for of_prompt in scores.values()])
        torch.testing.assert_close(together, expected, atol=1e-4, rtol=0)
        for prompt, of_prompt in scores.items():
            assert abs(reward(image, [prompt]).item() - of_prompt[n]) < 1e-4
