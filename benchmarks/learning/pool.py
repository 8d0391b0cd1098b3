"""The base's images of many prompts, drawn once, with what the judge says of each."""

from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Int
from safetensors.torch import load_file, save_file
from torch import Tensor
from tqdm import tqdm

from data.prompts import load_prompt_set
from emoji_world.assets import base_path
from emoji_world.judge import Judge, Verdict
from rl_finetune.config import SamplingConfig
from rl_finetune.stable_diffusion import StableDiffusionPolicy

PROMPT_SET = "emoji-many"
NUM_IMAGES = 20
"""Of each prompt."""
SEED = 5000
BATCH = 48


@dataclass(frozen=True)
class Pool:
    """Images with their prompts and verdicts."""

    prompts: list[str]
    families: list[str]
    """Of each prompt."""
    is_unseen: Bool[Tensor, " prompts"]
    """No comparison is ever asked about these; rewards are measured on them."""
    prompt: Int[Tensor, " images"]
    pixels: Float[Tensor, "images 3 height width"]
    met: Bool[Tensor, " images"]
    quality: Float[Tensor, " images"]

    def verdict(self, image: int) -> Verdict:
        """Say again what the judge said of an image for its prompt."""
        met, quality = bool(self.met[image]), float(self.quality[image])
        return Verdict(known=True, met=met, match=float(met), quality=quality)

    def images_of(self, prompt: int) -> list[int]:
        """List the images of a prompt."""
        return (self.prompt == prompt).nonzero().flatten().tolist()


def open_pool(file: Path) -> Pool:
    """Read the pool, or draw it where there is none (ten minutes on a core)."""
    prompts = [p for p in load_prompt_set(PROMPT_SET) if p.split in ("train", "unseen")]
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        save_file(_draw([prompt.text for prompt in prompts]), file)
    kept = load_file(file)
    return Pool(
        prompts=[prompt.text for prompt in prompts],
        families=[prompt.family for prompt in prompts],
        is_unseen=torch.tensor([prompt.split == "unseen" for prompt in prompts]),
        prompt=kept["prompt"],
        pixels=kept["pixels"].float() / 255,
        met=kept["met"],
        quality=kept["quality"],
    )


def _draw(prompts: list[str]) -> dict[str, Tensor]:
    told, policy, judge = (
        SamplingConfig(),
        StableDiffusionPolicy.open(str(base_path())),
        Judge.load(),
    )
    wanted = [(row, seed) for row in range(len(prompts)) for seed in range(NUM_IMAGES)]
    pixels, verdicts = [], []
    for start in tqdm(range(0, len(wanted), BATCH), desc="images", unit="batch"):
        batch = wanted[start : start + BATCH]
        texts = [prompts[row] for row, _ in batch]
        drawn = policy.sample(
            texts,
            [SEED + NUM_IMAGES * row + seed for row, seed in batch],
            num_steps=told.num_steps,
            guidance=told.guidance,
            eta=told.eta,
            batch_size=len(batch),
        )
        levels = (torch.stack(list(drawn)).cpu().clamp(0, 1) * 255).round().to(torch.uint8)
        pixels.append(levels)
        verdicts += judge.verdicts(levels.float() / 255, texts)
    return {
        "prompt": torch.tensor([row for row, _ in wanted]),
        "pixels": torch.cat(pixels),
        "met": torch.tensor([verdict.met for verdict in verdicts]),
        "quality": torch.tensor([verdict.quality for verdict in verdicts]),
    }
