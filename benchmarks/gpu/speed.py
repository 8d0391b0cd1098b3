"""DPOK iterations at one size in several ways: speed, memory, and the time over bare passes."""

import gc
import time
from dataclasses import asdict, dataclass
from typing import Any

import torch

from benchmarks.gpu.architectures import build_parts
from benchmarks.iteration.compare import brightness, figures_of, time_pairs
from benchmarks.iteration.passes import needed_passes
from data.records import Prompt
from devices.processes import Processes
from rl_finetune import adapter as lora
from rl_finetune.config import LoraConfig, OptimiserConfig, Precision, SamplingConfig, TuneConfig
from rl_finetune.dpok_config import DpokConfig
from rl_finetune.session import Session, make_session
from rl_finetune.stable_diffusion import StableDiffusionPolicy


@dataclass(frozen=True, kw_only=True, slots=True)
class Variant:
    """One way to run an iteration."""

    num_steps: int
    checkpointing: bool = False
    compiled: bool = False

    def __str__(self) -> str:
        checkpointing = "on" if self.checkpointing else "off"
        compiled = "yes" if self.compiled else "no"
        return f"{self.num_steps} steps, checkpointing {checkpointing}, compiled {compiled}"


def variants(long: int, short: int, *, compiled: bool) -> list[Variant]:
    """Return the ways that are measured, the plain ones first."""
    plain = [
        Variant(num_steps=long),
        Variant(num_steps=long, checkpointing=True),
        Variant(num_steps=short),
    ]
    if not compiled:
        return plain
    return [
        *plain,
        Variant(num_steps=long, compiled=True),
        Variant(num_steps=short, compiled=True),
        Variant(num_steps=long, checkpointing=True, compiled=True),
    ]


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """What an iteration does."""

    size: str
    precision: Precision
    num_images: int
    num_pairs: int


def measure(work: Work, variant: Variant, device: torch.device) -> dict[str, Any]:
    """Return the figures of one way, from a policy of its own."""
    started = time.perf_counter()
    if device.type == "cuda":
        gc.collect()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    session = _open(work, variant, device)
    figures = figures_of(time_pairs(session, work.num_pairs))
    seconds = figures["seconds"]["iteration"]
    rows = sum(needed_passes(session).update)
    return {
        **asdict(variant),
        **figures,
        "images_per_second": work.num_images / seconds["sample"],
        "updated_steps_per_second": rows / seconds["update"],
        "peak_memory_gib": _peak_memory(device),
        "seconds_in_all": time.perf_counter() - started,
    }


def _open(work: Work, variant: Variant, device: torch.device) -> Session:
    config = TuneConfig(
        precision=work.precision,
        gradient_checkpointing=variant.checkpointing,
        compile=variant.compiled,
        lora=LoraConfig(rank=4),
        sampling=SamplingConfig(
            num_steps=variant.num_steps,
            guidance=7.5,
            num_prompts=1,
            num_images_per_prompt=work.num_images,
            batch_size=work.num_images,
        ),
        dpok=DpokConfig(num_train_steps=max(1, variant.num_steps // 10)),
        optimiser=OptimiserConfig(batch_size=work.num_images),
    )
    parts = build_parts(work.size, device)
    lora.add_adapter(parts.unet, rank=config.lora.rank, seed=0)
    if config.gradient_checkpointing:
        parts.unet.enable_gradient_checkpointing()
    if config.compile:
        parts.unet.compile()
    return make_session(
        config,
        processes=Processes(),
        policy=StableDiffusionPolicy(parts, precision=config.precision),
        reward=brightness,
        watched={},
        prompts=[Prompt.new("a green rabbit")],
    )


def _peak_memory(device: torch.device) -> float | None:
    if device.type != "cuda":
        return None
    return torch.cuda.max_memory_allocated() / 2**30
