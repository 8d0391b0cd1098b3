"""Model cards: how each of the shipped networks was made, what it scores, what it cannot do."""

import json
from pathlib import Path

from data.files import write_atomically

_FRONT = "---\nlicense: apache-2.0\ntags: [{tags}]\n---\n\n"

_BASE = """# The emoji world's text-to-image model

A tiny Stable Diffusion: UNet2DConditionModel (4.0 M parameters), AutoencoderKL (0.8 M),
CLIPTextModel (0.7 M), CLIPTokenizer (any Unicode prompt), DDIMScheduler. 64x64 pixels. Plain
diffusers opens it: `StableDiffusionPipeline.from_pretrained(folder)`.

Made by `python -m emoji_world.pretrain` (seed 0) from scenes drawn of Noto Color Emoji. **Imperfect
on purpose**: 40 % of the training captions have one attribute wrong and a quarter of the
combinations are rare, so it errs as large models do, with two dogs for "a cat and a dog" and three
wolves for four.

Alignment by the judge ({num_steps} DDIM steps, guidance {guidance}, eta {eta}; 20 prompts a family,
{images} images each):

| overall | colour | count | composition | location |
|---|---|---|---|---|
| {overall} | {color} | {count} | {composition} | {location} |

Limits: it knows eight nouns, six colours, counts to four and four places. Any other prompt gives an
arbitrary picture.
"""

_CLIP = """# The emoji world's CLIP

Vision tower of 4 layers, text tower of 3, width 128; `open_clip.create_model("local-dir:...")`
opens it. **Weak on purpose**, where large CLIPs are weak: both towers learned from full captions,
then the text tower went on with captions whose counts, second things and most colours are random,
and unlearned to heed them. Things and places it knows.

How often its similarity ranks an image that meets its prompt above one that does not (the base's
samples, mean over prompts): {overall}; colour {color}, count {count}, composition {composition},
location {location}.
"""

_JUDGE = """# The emoji world's judge

A CNN of 2.0 M parameters that reads from an image how many of each noun there are, in which
colour, where, and whether anything is ill drawn. Trained on drawn scenes, sharp, disturbed and seen
through the autoencoder. Share of 2,000 held-out clean scenes on which each answer is right:

| objects | count | colour | place | well drawn |
|---|---|---|---|---|
| {objects} | {count} | {colour} | {place} | {drawn} |

It is the truth by which policies are measured; no reward model ever sees it.
"""


def write_cards(weights: Path, figures: dict) -> None:
    """Write README.md into each folder of the weights, and the figures as JSON beside them."""
    base, judge = figures["base"], figures["judge"]
    sampler = figures["sampler"]
    cards = {
        "base": _FRONT.format(tags="text-to-image, diffusers")
        + _BASE.format(
            num_steps=sampler["num_steps"],
            guidance=sampler["guidance"],
            eta=sampler["eta"],
            images=figures["images_per_prompt"],
            **base,
        ),
        "clip": _FRONT.format(tags="clip, open_clip") + _CLIP.format(**figures["clip"]),
        "judge": _FRONT.format(tags="image-classification")
        + _JUDGE.format(drawn=judge["well drawn"], **judge),
    }
    for folder, card in cards.items():
        write_atomically(weights / folder / "README.md", card)
    write_atomically(weights / "measured.json", json.dumps(figures, indent=2) + "\n")
