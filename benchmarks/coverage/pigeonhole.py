"""The pigeonhole bootstrap, against which the two-way jackknife is held."""

import numpy as np
from jaxtyping import Float

from data.rating_statistics.estimates import COVERAGE

NUM_RESAMPLES = 1000


def pigeonhole_interval(
    values: Float[np.ndarray, "raters prompts"], generator: np.random.Generator
) -> tuple[float, float]:
    """Return the percentile interval of the mean, raters and prompts resampled independently.

    Answers that are not there are nan.

    Owen (2007), "The pigeonhole bootstrap".
    """
    raters, prompts = (
        generator.multinomial(num, np.full(num, 1 / num), size=NUM_RESAMPLES)
        for num in values.shape
    )
    answered = np.isfinite(values)
    sums, sizes = (
        np.sum(raters @ each * prompts, axis=1)
        for each in (np.where(answered, values, 0), answered)
    )
    low, high = np.quantile(
        sums[sizes > 0] / sizes[sizes > 0], [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2]
    )
    return float(low), float(high)
