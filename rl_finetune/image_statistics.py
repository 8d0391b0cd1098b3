"""Signs of over-optimisation that need no network: colours too strong, edges too many.

A policy that is pushed too far along a reward gets oversaturated, over-textured images (the paper's
Figure 6; KL regularisation is what holds it back). Both numbers mean something only beside the
base's at the same prompts.
"""

import torch
from jaxtyping import Float
from torch import Tensor

_LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in brightness (ITU-R BT.601)."""
_EDGE = 0.1
"""Change of brightness per pixel, from black 0 to white 1, that counts as an edge."""


def saturation(images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, " batch"]:
    """Return the mean saturation (HSV) of images in [0, 1]: 0 is grey, 1 pure colour."""
    largest, smallest = images.amax(dim=1), images.amin(dim=1)
    share = torch.where(largest > 0, (largest - smallest) / largest.clamp(min=1e-8), 0.0)
    return share.mean(dim=(1, 2))


def edge_density(images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, " batch"]:
    """Return the share of the pixels of images in [0, 1] at which brightness changes abruptly."""
    luma = (images * images.new_tensor(_LUMA).view(1, 3, 1, 1)).sum(dim=1)
    down, across = torch.gradient(luma, dim=(1, 2))
    return (torch.hypot(down, across) > _EDGE).float().mean(dim=(1, 2))
