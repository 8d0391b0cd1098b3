"""What must hold exactly, or within rounding, on this device and in this precision.

The same identities stand in the tests, on the CPU; here they meet other kernels and bf16.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks.gpu.architectures import build_parts
from benchmarks.gpu.normals import check_normals
from data.records import Prompt
from rl_finetune import adapter as lora
from rl_finetune import denoising
from rl_finetune.config import Precision
from rl_finetune.dpok import dpok_terms
from rl_finetune.dpok_config import DpokConfig
from rl_finetune.rollout import Rollout, collect
from rl_finetune.stable_diffusion import StableDiffusionPolicy

_NUM_STEPS, _SEEDS = 4, [0, 1]
_PROMPTS = [Prompt.new("a green rabbit"), Prompt.new("four wolves")]


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """One identity, how far off it is, and how far it may be."""

    name: str
    precision: Precision
    error: float
    allowed: float

    @property
    def holds(self) -> bool:
        """It is within what is allowed; not a number never is."""
        return self.error <= self.allowed


def check_identities(size: str, device: torch.device, precision: Precision) -> Iterator[Identity]:
    """Check every identity in one precision of the network; the rest is fp32 in both."""
    for name, (error, allowed) in _check(size, device, precision):
        yield Identity(name=name, precision=precision, error=error, allowed=allowed)


def _check(
    size: str, device: torch.device, precision: Precision
) -> Iterator[tuple[str, tuple[float, float]]]:
    parts = build_parts(size, device)
    policy = StableDiffusionPolicy(parts, precision=precision)
    bare = _predict(policy, _rollout(policy, 7.5), 7.5)
    lora.add_adapter(parts.unet, rank=4, seed=0)
    for guidance in (7.5, 1.0):
        rollout = _rollout(policy, guidance)
        for checkpointing in (False, True):
            _set_checkpointing(policy, on=checkpointing)
            said = f"guidance {guidance:g}, checkpointing {'on' if checkpointing else 'off'}"
            yield (
                f"before an update: ratio 1, nothing clipped, KL 0; {said}",
                (
                    _distance_at_start(policy, rollout, guidance),
                    0.0,
                ),
            )
    yield "gradient with checkpointing is that without", (_gradient_error(policy), 1e-2)
    _disturb(policy)
    rollout = _rollout(policy, 7.5)
    with policy.reference(), torch.no_grad():
        off = _predict(policy, rollout, 7.5)
    yield "LoRA off is the base, bit for bit", (_difference(off, bare), 0.0)
    yield from check_normals(policy, rollout)


def _rollout(policy: StableDiffusionPolicy, guidance: float) -> Rollout:
    return collect(
        policy,
        _PROMPTS,
        _SEEDS,
        schedule=policy.schedule(_NUM_STEPS, 1.0),
        guidance=guidance,
        batch_size=len(_SEEDS),
    )


def _predict(policy: StableDiffusionPolicy, rollout: Rollout, guidance: float) -> Tensor:
    """Return what the policy says of pure noise, which is the same for every policy."""
    timesteps = rollout.schedule.timesteps[:1].expand(len(_SEEDS)).to(policy.device)
    return policy.predict(rollout.latents[:, 0], timesteps, rollout.condition, guidance=guidance)


def _set_checkpointing(policy: StableDiffusionPolicy, *, on: bool) -> None:
    unet = policy.parts.unet
    if on:
        unet.enable_gradient_checkpointing()
    else:
        unet.disable_gradient_checkpointing()


def _distance_at_start(policy: StableDiffusionPolicy, rollout: Rollout, guidance: float) -> float:
    """Return the largest of |ratio - 1|, clip fraction and KL of a fresh adapter's first step."""
    prediction = _predict(policy, rollout, guidance)
    with policy.reference(), torch.no_grad():
        reference = _predict(policy, rollout, guidance)
    ones = torch.ones(len(_SEEDS), device=policy.device)
    step = rollout.schedule.at(torch.zeros(len(_SEEDS), dtype=torch.long), policy.device)
    terms = dpok_terms(
        prediction,
        old=rollout.predictions[:, 0],
        reference=reference,
        noise=rollout.noise[:, 0],
        step=step,
        advantages=ones,
        policy_weights=ones,
        kl_weights=ones,
        config=DpokConfig(),
    )
    kl = denoising.step_kl(prediction.detach(), reference, step)
    parts = [(terms.ratio - 1).abs(), terms.is_clipped.float(), kl]
    return max(part.max().item() for part in parts)


def _gradient_error(policy: StableDiffusionPolicy) -> float:
    rollout = _rollout(policy, 7.5)

    def gradient(*, checkpointing: bool) -> Tensor:
        _set_checkpointing(policy, on=checkpointing)
        parameters = list(policy.adapter_parameters().values())
        loss = _predict(policy, rollout, 7.5).square().mean()
        return torch.cat([g.flatten() for g in torch.autograd.grad(loss, parameters)])

    without, checkpointed = gradient(checkpointing=False), gradient(checkpointing=True)
    _set_checkpointing(policy, on=False)
    return ((checkpointed - without).norm() / without.norm()).item()


def _disturb(policy: StableDiffusionPolicy) -> None:
    """Move the adapter off the base, as training would."""
    generator = torch.Generator(policy.device).manual_seed(0)
    with torch.no_grad():
        for parameter in policy.adapter_parameters().values():
            shift = torch.randn(parameter.shape, generator=generator, device=policy.device)
            parameter.add_(0.02 * shift)


def _difference(one: Tensor, other: Tensor) -> float:
    return 0.0 if torch.equal(one, other) else (one - other).abs().max().item()
