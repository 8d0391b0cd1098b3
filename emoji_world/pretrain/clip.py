"""The tiny CLIP: eyes that see everything, a text tower that was never told of counts.

Real CLIP cannot count and mixes up which thing has which colour and which things are there. A few
wrong captions do not make a CLIP weak (contrastive training averages them away), absent
information does: the vision tower learns from full captions, then the text tower is trained anew,
and briefly, on captions that leave out counts, most colours and places, and what else is there.
"""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import open_clip
import torch
from diffusers import AutoencoderKL
from torch import Tensor
from torch.nn import functional

from emoji_world.grammar import NOUNS, Claim, Scene, Thing, caption
from emoji_world.pretrain.codec import decoded_pool
from emoji_world.pretrain.judge import disturb
from emoji_world.pretrain.tokenizer import MAX_LENGTH, new_tokenizer, save_tokenizer
from emoji_world.pretrain.trainer import Training, train
from emoji_world.scenes import random_scene, training_caption, true_claim
from emoji_world.sprites import SpriteSheet

WIDTH = 128
NUM_DECODED = 8192
Caption = Callable[[Scene, np.random.Generator], str]
COLOUR_SAID, PLACE_SAID = 0.03, 0.05
SECOND_NOUN_SAID = 0.9
"""Captions that name a second thing; it is any noun, whatever the image shows."""


def clip_config() -> dict:
    """Describe the network as open_clip reads it from a folder."""
    return {
        "model_cfg": {
            "embed_dim": WIDTH,
            "vision_cfg": {
                "image_size": 64, "patch_size": 8, "layers": 4, "width": WIDTH, "head_width": 32,
            },
            "text_cfg": {
                "context_length": MAX_LENGTH, "vocab_size": len(new_tokenizer()),
                "hf_tokenizer_name": "clip", "width": WIDTH, "heads": 4, "layers": 3,
            },
        },
        "preprocess_cfg": {
            "mean": [0.5] * 3, "std": [0.5] * 3,
            "interpolation": "bicubic", "resize_mode": "squash",
        },
    }  # fmt: skip


def new_clip(folder: Path) -> open_clip.CLIP:
    """Write the folder that open_clip opens (without weights) and build the untrained network."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "open_clip_config.json").write_text(json.dumps(clip_config(), indent=2) + "\n")
    save_tokenizer(folder)
    model = open_clip.create_model(f"local-dir:{folder}", load_weights=False)
    assert isinstance(model, open_clip.CLIP)
    return model


def vague_caption(scene: Scene, rng: np.random.Generator) -> str:
    """Write a caption that counts nothing, seldom says a colour or a place, and adds any thing."""
    claim = true_claim(scene)
    first = claim.things[0].noun
    colour = claim.colours.get(first) if rng.random() < COLOUR_SAID else None
    things = [Thing(first, colour)]
    if rng.random() < SECOND_NOUN_SAID:
        other = str(rng.choice(NOUNS))
        things += [Thing(other)] if other != first else []
    return caption(Claim(tuple(things), claim.place if rng.random() < PLACE_SAID else None))


def train_clip(
    sheet: SpriteSheet, vae: AutoencoderKL, full: Training, vague: Training, folder: Path,
    *, seed: int, batch: int,
) -> open_clip.CLIP:  # fmt: skip
    """Train both towers on full captions, then a new text tower on vague ones."""
    target = folder / "clip"
    model = new_clip(target)
    tokenize = open_clip.get_tokenizer(f"local-dir:{target}")
    images, scenes = decoded_pool(sheet, vae, NUM_DECODED, random_scene)

    def contrast(rng: np.random.Generator, captions_of: Caption) -> Tensor:
        rows = rng.integers(len(scenes), size=batch)
        seen = disturb(images[torch.from_numpy(rows)].float() / 255, rng) * 2 - 1
        tokens = tokenize([captions_of(scenes[i], rng) for i in rows])
        with torch.autocast("cpu", torch.bfloat16):
            image, text, scale = model(seen, tokens)
        logits = scale * image.float() @ text.float().T
        same = torch.arange(batch)
        return (
            functional.cross_entropy(logits, same) + functional.cross_entropy(logits.T, same)
        ) / 2

    train("clip-full", model, lambda rng: contrast(rng, training_caption), full, folder, seed=seed)
    _renew_text(model, target)
    for parameter in model.visual.parameters():
        parameter.requires_grad_(False)
    train(
        "clip-vague", model, lambda rng: contrast(rng, vague_caption), vague, folder, seed=seed + 1
    )
    return model.requires_grad_(True)


def _renew_text(model: open_clip.CLIP, target: Path) -> None:
    fresh = open_clip.create_model(f"local-dir:{target}", load_weights=False)
    kept = {
        key: value for key, value in fresh.state_dict().items() if not key.startswith("visual.")
    }
    model.load_state_dict(kept, strict=False)
