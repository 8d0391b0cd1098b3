"""How sure a fit is of other raters and other prompts: intervals clustered both ways.

Raters have tastes and prompts have favourites, so comparisons that share either are not
independent. The variance of a parameter is that of leaving out one rater after the other, plus
that of leaving out prompts, minus that of leaving out their crossings, which both count (Cameron,
Gelbach and Miller 2011; jackknifed as in MacKinnon, Nielsen and Webb 2024, "Jackknife
inference with two-way clustering", each refit being one Newton step). Raters are few and prompts
many, so each part has its own Student quantile: an interval of half width sqrt(sum t_i^2 V_i) does
not cover less than it says, whatever the shares of the parts (Banerjee 1961, Sankhya A 23).

It is never narrower than independent comparisons allow: where one policy always wins, residuals
all but vanish. Resampling raters and prompts (Owen 2007's pigeonhole bootstrap) is the other way;
with two or three raters of strong tastes its intervals cover too rarely, these do not
(benchmarks/results/coverage.json).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from data.rating_statistics.davidson import Fit, Square, Theta
from data.rating_statistics.estimates import quantile

Cluster = Int[np.ndarray, " comparisons"]
Moves = Float[np.ndarray, "_ theta"]
"""One row per cluster; ways may have different numbers of them."""


@dataclass(frozen=True, slots=True)
class TwoWay:
    """How far theta moves when clusters are left out, each way and crossed."""

    ways: tuple[Moves, ...]
    crossed: Moves | None
    """None with fewer than two ways."""
    information: Square

    @classmethod
    def of(cls, fit: Fit, clusters: Sequence[Cluster]) -> "TwoWay":
        """Leave out each cluster of one or two ways; a way with a single cluster is no way."""
        ways = [_numbered(cluster) for cluster in clusters]
        ways = [way for way in ways if way.max(initial=0) > 0]
        crossed = _moves(fit, _crossing(*ways)) if len(ways) == 2 else None
        return cls(tuple(_moves(fit, way) for way in ways), crossed, fit.information)

    def half_width(self, direction: Theta) -> float | None:
        """Return half of the 95 % interval of `direction @ theta`; None where nothing varies."""
        if not self.ways:
            return None
        parts = np.array([_variance(moves, direction) for moves in self.ways])
        squares = np.square([quantile(len(moves)) for moves in self.ways])
        both = 0.0 if self.crossed is None else _variance(self.crossed, direction)
        less = np.maximum(parts - both, 0)
        # What both ways count is taken from one of them, whichever leaves more.
        clustered = float((squares @ less + squares * (parts - less)).max())
        independent = float(direction @ np.linalg.solve(self.information, direction))
        return float(np.sqrt(max(clustered, quantile() ** 2 * independent)))


def _variance(moves: Moves, direction: Theta) -> float:
    num = len(moves)
    return float((num - 1) / num * np.square(moves @ direction).sum())


def _moves(fit: Fit, cluster: Cluster) -> Moves:
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
