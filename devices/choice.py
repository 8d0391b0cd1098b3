"""The device of a command that runs as one process."""

import re

from data.errors import ConfigError

DEVICES = "auto, cpu, cuda, cuda:N or mps"
"""What a device may be called."""
_NAME = re.compile(r"auto|cpu|cuda(:\d+)?|mps")


def default_device() -> str:
    """Return "cuda" where there is a GPU that torch can use, else "cpu"."""
    # torch takes seconds to import, which --help need not wait for.
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def require_device_name(field: str, name: str) -> None:
    """Raise `ValueError` unless `name` is one of `DEVICES`, here or on another machine."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{field}: expected {DEVICES}, got {name}")


def chosen_device(name: str) -> str:
    """Return the device that `name` stands for, which is the default one for "auto".

    Raises `ConfigError` unless it is one of `DEVICES` and torch can use it.
    """
    try:
        require_device_name("device", name)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    if name == "auto":
        return default_device()
    if not _is_there(name):
        raise ConfigError(
            f"device: expected one that torch can use here, got {name}; choose auto or cpu, or "
            "install a driver and a torch for that device"
        )
    return name


def _is_there(name: str) -> bool:
    import torch

    kind, _, number = name.partition(":")
    if kind == "cuda":
        return int(number or 0) < torch.cuda.device_count()
    return kind == "cpu" or torch.backends.mps.is_available()
