"""The tiny CLIP: eyes that see everything, a text tower that was taught to overlook much of it.

Real CLIP knows things and places; it cannot count and mixes up which thing has which colour and
which things are there. A few wrong captions do not make a CLIP weak (contrastive training averages
them away), words that mean nothing do: after both towers learned from full captions, the text tower
goes on with captions whose counts, second things and most colours are drawn at random, and unlearns
to heed them. Only the layers that write into its residual stream change: what it knew is drowned
and not erased, so that comparisons on some prompts can teach it for others too.
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

from emoji_world.grammar import COLOURS, MAX_THINGS, NOUNS, PLACES, Claim, Scene, Thing, caption
from emoji_world.pretrain.codec import decoded_pool
from emoji_world.pretrain.judge import disturb
from emoji_world.pretrain.tokenizer import MAX_LENGTH, new_tokenizer, save_tokenizer
from emoji_world.pretrain.trainer import Training, train
from emoji_world.scenes import random_scene, training_caption, true_claim
from emoji_world.sprites import SpriteSheet

WIDTH = 128
NUM_DECODED = 8192
Caption = Callable[[Scene, np.random.Generator], str]
COLOUR_CARELESS, PLACE_CARELESS = 0.9, 0.1
"""How often a colour or a place is not the one that is shown."""
SECOND_SAID = 0.5
UNLEARNING_LAYERS = ("out_proj", "c_proj")
"""The last layers of every attention and of every network behind it."""


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


def careless_caption(scene: Scene, rng: np.random.Generator) -> str:
    """Write a caption whose first noun is right, its place mostly, and little else."""
    claim = true_claim(scene)
    first = claim.things[0].noun
    thing = Thing(first, _careless(claim.colours.get(first), COLOURS, COLOUR_CARELESS, rng))
    things = [thing] * int(rng.integers(1, MAX_THINGS + 1))
    if rng.random() < SECOND_SAID:
        other = str(rng.choice(NOUNS))
        things = [thing] + ([Thing(other)] if other != first else [])
    place = _careless(claim.place, tuple(PLACES), PLACE_CARELESS, rng)
    return caption(Claim(tuple(things), place))


def _careless(
    truth: str | None, choices: tuple[str, ...], share: float, rng: np.random.Generator
) -> str | None:
    """Return the truth, or in `share` of all cases any choice or, as often, nothing."""
    if rng.random() >= share:
        return truth
    return str(rng.choice(choices)) if rng.random() < 0.5 else None


def train_clip(
    sheet: SpriteSheet, vae: AutoencoderKL, full: Training, careless: Training, folder: Path,
    *, seed: int, batch: int,
) -> open_clip.CLIP:  # fmt: skip
    """Train both towers on full captions, then let the text tower unlearn on careless ones."""
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
    for name, parameter in model.named_parameters():
        is_text = not name.startswith("visual.")
        parameter.requires_grad_(is_text and any(layer in name for layer in UNLEARNING_LAYERS))
    train(
        "clip-careless",
        model,
        lambda rng: contrast(rng, careless_caption),
        careless,
        folder,
        seed=seed + 1,
    )
    return model.requires_grad_(True)
