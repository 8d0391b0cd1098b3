"""Intervals that also hold for small groups of comparisons."""

import numpy as np
from jaxtyping import Float, Int

from data.rating_statistics.estimates import clustered_share
from reward_training.inputs.split import FEW_PROMPTS
from reward_training.trust.evaluate import Estimate, clustered_estimate


def careful_estimate(
    hits: Float[np.ndarray, " pairs"],
    prompt: Int[np.ndarray, " pairs"],
    generator: np.random.Generator,
) -> Estimate:
    """Return the share of hits with an interval that resamples whole prompts.

    Resampling tells nothing of prompts that it has not seen: with fewer than eight prompts, or
    where all of them are alike, the interval is that of the shares of raters instead, which takes
    nothing for certain (`data.rating_statistics.estimates.clustered_share`).
    """
    found = clustered_estimate(hits, prompt, generator)
    if found.low is None or (len(np.unique(prompt)) >= FEW_PROMPTS and found.low != found.high):
        return found
    share = clustered_share(hits, np.ones_like(hits), prompt, float(len(hits)))
    assert share is not None
    return Estimate(found.value, share.low, share.high)
