"""Nested analysis of variance with random effects, balanced."""

import numpy as np
from jaxtyping import Float


def variance_components(
    values: Float[np.ndarray, "starts early late"],
) -> Float[np.ndarray, " levels"]:
    """Return unbiased estimates of the variance that each level of nesting adds.

    A level's means vary by its own variance and by what the levels below leave of theirs, which is
    taken off: an estimate can come out below zero.
    """
    _, num_early, num_late = values.shape
    of_late = values.var(axis=2, ddof=1).mean()
    early = values.mean(axis=2)
    of_early_means = early.var(axis=1, ddof=1).mean()
    of_start_means = early.mean(axis=1).var(ddof=1)
    return np.array(
        [
            of_start_means - of_early_means / num_early,
            of_early_means - of_late / num_late,
            of_late,
        ]
    )
