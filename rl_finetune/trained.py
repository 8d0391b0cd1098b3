"""What of a UNet is trained: a LoRA adapter, or all of its weights beside the base's, frozen.

Either is kept as a folder in diffusers' own format, and known by the file in it.
"""

import copy
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from safetensors import SafetensorError

from data.errors import PolicyError
from rl_finetune import adapter as lora
from rl_finetune.config import Train

UNET_FILE = "diffusion_pytorch_model.safetensors"


@runtime_checkable
class Trained(Protocol):
    """A UNet with what is trained of it."""

    unet: UNet2DConditionModel
    """The network that learns."""
    frozen: UNet2DConditionModel
    """The network that has the base's weights, beside any others."""

    def parameters(self) -> dict[str, torch.nn.Parameter]:
        """Return what learns, by name."""
        ...

    def base(self) -> AbstractContextManager[UNet2DConditionModel]:
        """Within it, the network given is the base's."""
        ...

    def save(self, folder: Path) -> None:
        """Write what was trained, in diffusers' format."""
        ...


class TrainedAdapter:
    """A LoRA adapter, or none: the base is the same network with the adapter off."""

    def __init__(self, unet: UNet2DConditionModel) -> None:
        self.unet = self.frozen = unet
        self._is_off = False

    def parameters(self) -> dict[str, torch.nn.Parameter]:
        """Return the adapter's weights."""
        return lora.adapter_parameters(self.unet)

    @contextmanager
    def base(self) -> Iterator[UNet2DConditionModel]:
        """Switch the adapter off."""
        if self._is_off or not self.parameters():
            yield self.unet
            return
        self.unet.disable_adapters()
        self._is_off = True
        try:
            yield self.unet
        finally:
            self.unet.enable_adapters()
            self._is_off = False

    def save(self, folder: Path) -> None:
        """Write the adapter where plain diffusers' `pipe.load_lora_weights(folder)` opens it."""
        lora.save_adapter(self.unet, folder)


class TrainedUNet:
    """All weights of a UNet; the base's stay beside them."""

    def __init__(self, unet: UNet2DConditionModel, frozen: UNet2DConditionModel) -> None:
        self.unet = unet.requires_grad_(True)
        self.frozen = frozen

    def parameters(self) -> dict[str, torch.nn.Parameter]:
        """Return every weight."""
        return dict(self.unet.named_parameters())

    @contextmanager
    def base(self) -> Iterator[UNet2DConditionModel]:
        """Give the frozen network."""
        yield self.frozen

    def save(self, folder: Path) -> None:
        """Write the UNet where `UNet2DConditionModel.from_pretrained(folder)` opens it.

        Raises `PolicyError` where the weights cannot be written.
        """
        try:
            self.unet.save_pretrained(folder)
        except SafetensorError as error:
            reason = str(error).strip().partition("\n")[0]
            raise PolicyError(
                f"{folder}: cannot write the UNet ({reason}); make room there and run the same "
                "command again"
            ) from error


def fresh(base: UNet2DConditionModel, train: Train, *, rank: int, seed: int) -> Trained:
    """Return what is trained from the base on; before the first update it is the base."""
    if train == "unet":
        return TrainedUNet(copy.deepcopy(base), base)
    lora.add_adapter(base, rank=rank, seed=seed)
    return TrainedAdapter(base)


def open_folder(
    base: UNet2DConditionModel, folder: Path, *, train: Train | None, rank: int | None
) -> Trained:
    """Open what was trained of the base before; given `train` and `rank`, it must be of these.

    Raises `PolicyError` where it is not, cannot be read, or was made for another base.
    """
    if (folder / UNET_FILE).is_file():
        _refuse_other(folder, train, "unet", "a whole UNet")
        return TrainedUNet(_open_unet(base, folder), base)
    lora.open_adapter(base, folder)
    _refuse_other(folder, train, "lora", "a LoRA adapter")
    found = lora.adapter_rank(base)
    if rank not in (None, found):
        raise PolicyError(f"{folder} has rank {found}, not {rank}: set lora.rank {found}")
    return TrainedAdapter(base)


def _refuse_other(folder: Path, wanted: Train | None, found: Train, said: str) -> None:
    if wanted not in (None, found):
        raise PolicyError(f"{folder} holds {said}: set train {found} to go on with it")


def _open_unet(base: UNet2DConditionModel, folder: Path) -> UNet2DConditionModel:
    try:
        unet = UNet2DConditionModel.from_pretrained(folder, torch_dtype=torch.float32)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise PolicyError(f"{folder}: cannot open its UNet: {reason}") from error
    shapes = {name: weights.shape for name, weights in base.state_dict().items()}
    if shapes != {name: weights.shape for name, weights in unet.state_dict().items()}:
        raise PolicyError(
            f"{folder}: this UNet does not fit the base: its weights have other shapes"
        )
    # diffusers wraps `to` for an annotation of its own, which hides its arguments from pyright.
    torch.nn.Module.to(unet.eval(), device=base.device)
    return unet


def weights_file(folder: Path) -> Path:
    """Return the file with what was trained, of a folder that either kind of it was written to."""
    whole = folder / UNET_FILE
    return whole if whole.is_file() else folder / lora.ADAPTER_FILE
