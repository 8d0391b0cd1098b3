"""One line on a rater: fine, or worth a look, and at what."""

from dataclasses import dataclass
from typing import Literal

from data.rating_statistics.estimates import Estimate
from data.rating_statistics.rater_quality import RaterQuality


@dataclass(frozen=True, kw_only=True, slots=True)
class Thresholds:
    """A rater is worth a look where a whole 95 % interval lies beyond one of these."""

    too_fast: float = 0.1
    """Share of comparisons too fast to have looked; more is worth a look."""
    off_centre: float = 0.1
    """Share of left, minus one half, either way."""
    ties: float = 0.5
    both_bad: float = 0.5
    agreement: float = 0.6
    """Less is worth a look. A coin reaches 0.5, people on hard pairs about 0.65 (Xu et al. 2023):
    of simulated coins this flags six in ten after 100 shared pairs and nearly all after 300, and of
    people who agree in 0.58 a third after 300, so lower it where honest people agree so little."""
    gold: float = 0.8
    """Less is worth a look."""
    consistency: float = 0.6
    """Less is worth a look; tossing a coin gives 0.5."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The flag and its reasons; `str` makes one line of it."""

    flag: Literal["fine", "look at"]
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        return ": ".join([self.flag, ", ".join(self.reasons)]) if self.reasons else self.flag


def verdict(quality: RaterQuality, thresholds: Thresholds | None = None) -> Verdict:
    """Flag a rater; few comparisons have wide intervals and flag nobody."""
    limits = thresholds or Thresholds()
    found = [
        _beyond("too fast", quality.too_fast, above=limits.too_fast),
        _beyond("left", quality.left, above=0.5 + limits.off_centre, below=0.5 - limits.off_centre),
        _beyond("ties", quality.ties, above=limits.ties),
        _beyond("both bad", quality.both_bad, above=limits.both_bad),
        _beyond("agreement", quality.agreement, below=limits.agreement),
        _beyond("gold", quality.gold, below=limits.gold),
        _beyond("consistency", quality.consistency, below=limits.consistency),
    ]
    reasons = tuple(reason for reason in found if reason)
    return Verdict("look at" if reasons else "fine", reasons)


def _beyond(
    name: str, share: Estimate | None, *, above: float = 1.0, below: float = 0.0
) -> str | None:
    if share is None or share.low is None or share.high is None:
        return None
    is_beyond = share.low > above or share.high < below
    return f"{name} {100 * share.value:.0f} % of {share.num}" if is_beyond else None
