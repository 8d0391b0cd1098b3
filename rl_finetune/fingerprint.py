"""A short digest of frozen networks, by which a checkpoint knows its base again."""

import hashlib
from collections.abc import Iterable

import torch

_VALUES_PER_TENSOR = 64


def fingerprint(networks: Iterable[torch.nn.Module]) -> str:
    """Digest the weights' shapes and a sample of their values; adapters do not count."""
    digest = hashlib.sha256()
    for network in networks:
        for name, weights in network.state_dict().items():
            if ".lora_" not in name:
                flat = weights.detach().flatten().float()
                values = flat[:: max(1, len(flat) // _VALUES_PER_TENSOR)].cpu().numpy()
                digest.update(f"{name.replace('.base_layer', '')}{weights.shape}".encode())
                digest.update(values.tobytes())
    return digest.hexdigest()[:16]
