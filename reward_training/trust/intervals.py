"""Intervals that also hold for small groups of comparisons."""

import numpy as np
from jaxtyping import Float, Int

from data.rating_statistics.estimates import clustered_share
from reward_training.inputs.split import FEW_PROMPTS
from reward_training.trust.evaluate import Estimate, clustered_estimate

SHARE, GAIN_OF_SHARE = (0, 1), (-1, 1)
"""The least and the most that a share, and the difference of two, can be."""


def careful_estimate(
    hits: Float[np.ndarray, " pairs"],
    prompt: Int[np.ndarray, " pairs"],
    generator: np.random.Generator,
    bounds: tuple[int, int] = SHARE,
) -> Estimate:
    """Return the mean of hits, or of what lies within `bounds`; its interval resamples prompts.

    Resampling tells nothing of prompts that it has not seen: with fewer than eight prompts, or
    where all of them are alike, the interval is that of the shares of raters instead, which takes
    nothing for certain (`data.rating_statistics.estimates.clustered_share`).
    """
    found = clustered_estimate(hits, prompt, generator)
    if found.low is None or (len(np.unique(prompt)) >= FEW_PROMPTS and found.low != found.high):
        return found
    low, width = bounds[0], bounds[1] - bounds[0]
    share = clustered_share((hits - low) / width, np.ones_like(hits), prompt, float(len(hits)))
    assert share is not None
    ends = [None if end is None else low + width * end for end in (share.low, share.high)]
    return Estimate(found.value, *ends)
