"""The LoRA adapter on a UNet: added, opened from and written in diffusers' own format.

Adapters here have scale one (alpha equals rank), so that the file needs no side information and
the same weights always give the same bytes.
"""

from pathlib import Path

import peft
import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline
from diffusers.utils.state_dict_utils import convert_state_dict_to_diffusers
from peft.tuners.lora import LoraLayer
from peft.utils import get_peft_model_state_dict
from safetensors import SafetensorError
from safetensors.torch import save

from data.errors import PolicyError
from data.files import write_atomically
from devices.seeding import seeded

ADAPTER_FILE = "pytorch_lora_weights.safetensors"
_NAME = "default"
_ATTENTION_PROJECTIONS = ["to_k", "to_out.0", "to_q", "to_v"]


def add_adapter(unet: UNet2DConditionModel, *, rank: int, seed: int) -> None:
    """Put a fresh adapter on every attention projection; it changes nothing before training."""
    config = peft.LoraConfig(
        r=rank,
        lora_alpha=rank,
        init_lora_weights="gaussian",
        target_modules=_ATTENTION_PROJECTIONS,
    )
    with seeded(seed, unet.device):
        unet.add_adapter(config, adapter_name=_NAME)


def open_adapter(unet: UNet2DConditionModel, folder: Path) -> None:
    """Put a saved adapter on the UNet, ready to be trained on.

    Raises `PolicyError` for a missing or unreadable file, one that was made for another base, and
    one that changes the text encoder too.
    """
    if not (folder / ADAPTER_FILE).is_file():
        raise PolicyError(
            f"{folder}: no {ADAPTER_FILE}; expected a LoRA or a UNet in diffusers' format"
        )
    try:
        weights, alphas, *metadata = StableDiffusionPipeline.lora_state_dict(
            str(folder), weight_name=ADAPTER_FILE, return_lora_metadata=True
        )
        if any(not name.startswith("unet.") for name in weights):
            raise PolicyError(f"{folder}: this adapter changes more than the UNet; not supported")
        StableDiffusionPipeline.load_lora_into_unet(
            weights, alphas, unet, adapter_name=_NAME, metadata=metadata[0]
        )
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise PolicyError(f"{folder}: this adapter does not fit the base ({reason})") from error
    unet.set_adapter(_NAME)
    _fold_scale(unet)


def _fold_scale(unet: UNet2DConditionModel) -> None:
    """Move alpha / rank into the weights of an adapter that came with another alpha."""
    for layer in unet.modules():
        if isinstance(layer, LoraLayer):
            layer.lora_B[_NAME].get_parameter("weight").data.mul_(layer.scaling[_NAME])
            layer.scaling[_NAME] = 1.0


def adapter_rank(unet: UNet2DConditionModel) -> int:
    """Return the adapter's largest rank."""
    return max(len(p) for name, p in adapter_parameters(unet).items() if ".lora_A." in name)


def adapter_parameters(unet: UNet2DConditionModel) -> dict[str, torch.nn.Parameter]:
    """Return the adapter's weights by name; none for a bare UNet."""
    return {name: p for name, p in unet.named_parameters() if ".lora_" in name}


def save_adapter(unet: UNet2DConditionModel, folder: Path) -> None:
    """Write the adapter where `pipe.load_lora_weights(folder)` of plain diffusers opens it.

    Raises `OSError` where it cannot be written; what was there before is kept.
    """
    weights = get_peft_model_state_dict(unet, adapter_name=_NAME)
    layers = {name: w.detach().cpu().float() for name, w in weights.items()}
    StableDiffusionPipeline.save_lora_weights(
        folder,
        unet_lora_layers=convert_state_dict_to_diffusers(layers),
        weight_name=ADAPTER_FILE,
        save_function=_write,
    )


def _write(weights: dict[str, torch.Tensor], path: str) -> None:
    """Write what diffusers itself would write, whole and forced to disk, or raise `OSError`."""
    write_atomically(Path(path), save(weights, metadata={"format": "pt"}))
