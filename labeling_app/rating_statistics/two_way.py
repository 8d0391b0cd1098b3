"""How sure a fit is of other raters and other prompts: intervals clustered both ways.

Raters have tastes and prompts have favourites, so comparisons that share either are not
independent. The variance of a parameter is that of leaving out one rater after the other, plus
that of leaving out prompts, minus that of leaving out their crossings, which both count (Cameron,
Gelbach and Miller 2011, Eq. 2.11; jackknifed as in MacKinnon, Nielsen and Webb 2024, "Jackknife
inference with two-way clustering", each refit being one Newton step). Raters are few and prompts
many, so each part has its own Student quantile: an interval of half width sqrt(sum t_i^2 V_i) does
not cover less than it says, whatever the shares of the parts (Banerjee 1961, Sankhya A 23).

It is never narrower than independent comparisons allow: where one policy always wins, residuals
all but vanish. Resampling raters and prompts (Owen 2007's pigeonhole bootstrap) is the other way;
with two or three raters of strong tastes its intervals cover far too rarely, these do not
(benchmarks/results/coverage.json).
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from labeling_app.rating_statistics.davidson import Fit, Square, Theta
from labeling_app.rating_statistics.estimates import quantile

Cluster = Int[np.ndarray, " comparisons"]


def half_width(fit: Fit, direction: Theta, clusters: Sequence[Cluster]) -> float | None:
    """Return half of the 95 % interval of `direction @ theta`; None where nothing varies.

    Args:
        fit: The fit.
        direction: What is asked about, as coefficients of theta.
        clusters: One or two ways of clustering; a way with a single cluster is left out.
    """
    ways = [_numbered(cluster) for cluster in clusters]
    ways = [way for way in ways if way.max(initial=0) > 0]
    if not ways:
        return None
    independent = float(direction @ np.linalg.solve(fit.information, direction))
    parts = [_variance(fit, direction, way) for way in ways]
    squares = [quantile(int(way.max()) + 1) ** 2 for way in ways]
    both = _variance(fit, direction, _crossing(*ways)) if len(ways) == 2 else 0.0
    less = np.maximum(np.array(parts) - both, 0)
    # What both ways count is taken from the one or the other, whichever leaves more.
    clustered = [
        squares @ np.where(np.arange(len(ways)) == n, parts, less) for n in range(len(ways))
    ]
    return float(np.sqrt(max(*clustered, quantile() ** 2 * independent)))


def _variance(fit: Fit, direction: Theta, cluster: Cluster) -> float:
    moves = _moves(fit, cluster) @ direction
    num = len(moves)
    return float((num - 1) / num * np.square(moves).sum())


def _moves(fit: Fit, cluster: Cluster) -> Float[np.ndarray, "clusters theta"]:
    """Return how far theta moves when a cluster is left out, by one Newton step."""
    size = len(fit.theta)
    parts = np.zeros((cluster.max() + 1, size))
    bends = np.zeros((cluster.max() + 1, size, size))
    np.add.at(parts, cluster, fit.scores)
    np.add.at(bends, cluster, fit.curvatures)
    rest: Square = fit.information - bends
    return np.linalg.solve(rest, -parts[:, :, None])[:, :, 0]


def _numbered(cluster: Cluster) -> Cluster:
    return np.unique(cluster, return_inverse=True)[1]


def _crossing(first: Cluster, second: Cluster) -> Cluster:
    return _numbered(first * (second.max() + 1) + second)
