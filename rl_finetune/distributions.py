"""Sets of images in a feature space: how varied one is, and how far two are apart."""

import torch
from jaxtyping import Float
from torch import Tensor


def mean_cosine_distances(features: Float[Tensor, "images features"]) -> Float[Tensor, " images"]:
    """Return each image's mean cosine distance to the others, from features of unit length.

    Its mean is the diversity of a set, such as a prompt's images: 0 where all are the same.
    """
    cosines = features @ features.T
    others = len(features) - 1
    return 1 - (cosines.sum(dim=1) - cosines.diagonal()) / others


def kernel_bandwidth(features: Float[Tensor, "images features"]) -> float:
    """Return the median distance between two images: the scale on which a set varies."""
    return torch.pdist(features.double()).median().item()


def squared_mmd(
    first: Float[Tensor, "first features"],
    second: Float[Tensor, "second features"],
    bandwidth: float,
) -> float:
    """Return the unbiased estimate of the squared maximum mean discrepancy of two samples.

    With a Gaussian kernel (Gretton et al. 2012, Eq. 3; for images: Jayasumana et al. 2024, who
    show that it needs fewer images than a Frechet distance). 0 in expectation where both samples
    come from one distribution, so it may be slightly negative.
    """
    within = [_off_diagonal_mean(_kernel(each, each, bandwidth)) for each in (first, second)]
    between = _kernel(first, second, bandwidth).mean().item()
    return within[0] + within[1] - 2 * between


def _kernel(
    rows: Float[Tensor, "rows features"], columns: Float[Tensor, "columns features"], width: float
) -> Float[Tensor, "rows columns"]:
    distances = torch.cdist(rows.double(), columns.double())
    return torch.exp(-distances.square() / (2 * width**2))


def _off_diagonal_mean(kernel: Float[Tensor, "images images"]) -> float:
    size = len(kernel)
    return ((kernel.sum() - kernel.diagonal().sum()) / (size * (size - 1))).item()
