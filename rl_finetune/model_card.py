"""The model card beside an adapter: where it comes from and how to use it."""

from rl_finetune.config import TuneConfig
from rl_finetune.metrics import IterationMetrics

_CARD = """---
base_model: {policy}
library_name: diffusers
tags: [lora, text-to-image, stable-diffusion, reinforcement-learning, dpok]
---
# LoRA adapter tuned with DPOK

| | |
|---|---|
| base | `{policy}` |
| continued from | {parent} |
| reward | `{reward}` |
| prompts | `{prompts}` |
| iterations, images | {iterations}, {num_images} |
| seed | {seed} |
| rank | {rank} |
| KL weight, in | {kl_weight:g}, {kl_in} |
| sampler | DDIM, {num_steps} steps, eta {eta:g}, guidance {guidance:g} |
| mean training reward, first and last iteration | {first:.4f}, {last:.4f} |
| KL to the base in the last iteration | {kl:.3f} nats |

The reward above is the one that was trained on; it measures nothing by itself.

```python
from diffusers import StableDiffusionPipeline

pipe = StableDiffusionPipeline.from_pretrained("{policy}")
pipe.load_lora_weights("this folder")
```
"""


def make_model_card(config: TuneConfig, records: list[IterationMetrics]) -> str:
    """Return the card's Markdown; `records` are the run's iterations, at least one."""
    first, last = records[0], records[-1]
    return _CARD.format(
        policy=config.policy,
        parent=f"`{config.adapter}`" if config.adapter else "a fresh adapter",
        reward=config.reward,
        prompts=config.prompts,
        iterations=last.iteration,
        num_images=last.num_images,
        seed=config.seed,
        rank=config.lora.rank,
        kl_weight=config.dpok.kl_weight,
        kl_in=config.dpok.kl_in,
        num_steps=config.sampling.num_steps,
        eta=config.sampling.eta,
        guidance=config.sampling.guidance,
        first=first.reward,
        last=last.reward,
        kl=last.kl,
    )
