"""The model card beside an adapter or a UNet: where it comes from and how to use it."""

from rl_finetune.config import TuneConfig
from rl_finetune.metrics import IterationMetrics

_CARD = """---
base_model: {policy}
library_name: diffusers
tags: [{kind}, text-to-image, stable-diffusion, {tag}]
---
# {what} tuned with {title}

| | |
|---|---|
| base | `{policy}` |
| continued from | {parent} |
| reward | `{reward}` |
| prompts | `{prompts}` |
| iterations, images | {iterations}, {num_images} |
| seed | {seed} |
| trained | {trained} |
| {penalty} |
| sampler | DDIM, {num_steps} steps, eta {eta:g}, guidance {guidance:g} |
| mean training reward, first and last iteration | {first:.4f}, {last:.4f} |
| KL to the base in the last iteration | {kl:.3f} nats |

The reward above is the one that was trained on; it measures nothing by itself.

```python
{usage}
```
"""
_ADAPTER = {
    "kind": "lora",
    "what": "LoRA adapter",
    "usage": """from diffusers import StableDiffusionPipeline

pipe = StableDiffusionPipeline.from_pretrained("{policy}")
pipe.load_lora_weights("this folder")""",
}
_UNET = {
    "kind": "unet",
    "what": "UNet",
    "usage": """from diffusers import StableDiffusionPipeline, UNet2DConditionModel

unet = UNet2DConditionModel.from_pretrained("this folder")
pipe = StableDiffusionPipeline.from_pretrained("{policy}", unet=unet)""",
}


def _penalty(config: TuneConfig) -> str:
    dpok = config.dpok
    if config.objective != "dpok":
        return f"gamma | {config.supervised.gamma:g}"
    target = "" if dpok.target_kl is None else f", steered to {dpok.target_kl:g} nats"
    return f"KL weight, in | {dpok.kl_weight:g}{target}, {dpok.kl_in}"


def make_model_card(config: TuneConfig, records: list[IterationMetrics]) -> str:
    """Return the card's Markdown; `records` are the run's iterations, at least one."""
    first, last = records[0], records[-1]
    is_adapter = config.train == "lora"
    words = _ADAPTER if is_adapter else _UNET
    return _CARD.format(
        policy=config.policy,
        parent=f"`{config.adapter}`" if config.adapter else "the base",
        reward=config.reward,
        prompts=config.prompts,
        iterations=last.iteration,
        num_images=last.num_images,
        seed=config.seed,
        kind=words["kind"],
        what=words["what"],
        trained=f"LoRA of rank {config.lora.rank}" if is_adapter else "all weights of the UNet",
        usage=words["usage"].format(policy=config.policy),
        tag="reinforcement-learning" if config.objective == "dpok" else "supervised",
        title="DPOK" if config.objective == "dpok" else f"the objective {config.objective}",
        penalty=_penalty(config),
        num_steps=config.sampling.num_steps,
        eta=config.sampling.eta,
        guidance=config.sampling.guidance,
        first=first.reward,
        last=last.reward,
        kl=last.kl,
    )
