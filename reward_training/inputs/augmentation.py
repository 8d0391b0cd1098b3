"""Slight changes of a batch's images that change no judgement, for towers trained on them.

An image is zoomed by up to 5 % and moved by up to 4 % of its side, as if it were framed a little
otherwise, and made brighter or darker by up to 4 % and of up to 8 % more or less contrast, as it is
between one screen and the next. It is never mirrored: that swaps left and right and turns writing
around, and prompts ask for both.

Images that are compared with each other, directly or over others in the batch, get the same change,
so that none is judged brighter or closer for it.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor
from torch.nn import functional

from reward_training.inputs.dataset import Comparisons

MOST_ZOOM = 0.05
"""Of the side that is seen, more or less."""
MOST_SHIFT = 0.04
"""Of the side."""
MOST_BRIGHTNESS = 0.04
"""Of the range from black to white."""
MOST_CONTRAST = 0.08
"""Of the distance from middle grey."""
_STREAM = 4
"""Keeps these random numbers apart from those of the batches."""


@dataclass(frozen=True)
class Views:
    """How each image of a batch is seen."""

    images: Int[Tensor, " images"]
    """Rows of the fit's images, ascending."""
    frames: Float[Tensor, "images 2 3"]
    """From places in the view to places in the image, as `affine_grid` takes them."""
    levels: Float[Tensor, "images 2"]
    """Factor around middle grey, and what is added."""

    @classmethod
    def draw(cls, batch: Comparisons, *, seed: int, update: int) -> "Views":
        """Draw a change for each group of images that are compared, from seed and update alone."""
        both = torch.stack([batch.image_a, batch.image_b])
        images, places = both.unique(return_inverse=True)
        group = torch.from_numpy(_groups(places.numpy(), len(images))).long()
        drawn = np.random.default_rng([seed, update, _STREAM]).uniform(-1, 1, (len(images), 5))
        zoom, right, down, contrast, brightness = torch.from_numpy(drawn).float()[group].T
        size, still = 1 + MOST_ZOOM * zoom, torch.zeros(len(images))
        # A side goes from -1 to 1.
        across = torch.stack([size, still, 2 * MOST_SHIFT * right], dim=1)
        along = torch.stack([still, size, 2 * MOST_SHIFT * down], dim=1)
        levels = torch.stack([1 + MOST_CONTRAST * contrast, MOST_BRIGHTNESS * brightness], dim=1)
        return cls(images, torch.stack([across, along], dim=1), levels)

    def __call__(
        self, rows: Int[Tensor, " rows"], images: Float[Tensor, "rows 3 height width"]
    ) -> Float[Tensor, "rows 3 height width"]:
        """Return images in [0, 1] as they are seen; beyond an edge its colour goes on."""
        places = torch.searchsorted(self.images, rows.cpu())
        frames = self.frames[places].to(images.device)
        grid = functional.affine_grid(frames, list(images.shape), align_corners=False)
        seen = functional.grid_sample(images, grid, padding_mode="border", align_corners=False)
        contrast, brightness = (
            self.levels[places].to(images.device)[..., None, None, None].unbind(1)
        )
        return ((seen - 0.5) * contrast + 0.5 + brightness).clamp(0, 1)


def _groups(pairs: Int[np.ndarray, "2 pairs"], number: int) -> Int[np.ndarray, " images"]:
    """Return a number for each image that those have in common that pairs connect."""
    links = coo_array((np.ones(pairs.shape[1]), (pairs[0], pairs[1])), (number, number))
    return connected_components(links, directed=False)[1]
