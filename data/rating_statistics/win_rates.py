"""Win rates between policies, from comparisons of their images.

One fit of Davidson's model (`davidson`) serves all policies; intervals speak of other raters and
other prompts (`two_way`). "Both bad" and skips order nothing and are counted apart.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import expit, logit, softmax

from data.rating_statistics.davidson import (
    LEFT,
    PRIOR_SD,
    RIGHT,
    TIE,
    Fit,
    Seen,
    Theta,
    design_of,
    fit,
)
from data.rating_statistics.estimates import Estimate
from data.rating_statistics.outcomes import numbered, outcome_of
from data.rating_statistics.two_way import TwoWay
from data.records import Choice, Comparison, Pair

_SEEN = {Choice.LEFT: LEFT, Choice.RIGHT: RIGHT, Choice.TIE: TIE}


@dataclass(frozen=True, slots=True)
class WinRates:
    """What comparisons say of the policies whose images were shown."""

    policies: tuple[str, ...]
    """In alphabetical order."""
    win_rates: dict[tuple[str, str], Estimate]
    """P(first wins) + P(tie) / 2 of each ordered pair of policies, averaged over both sides: for
    two policies shown equally often on each side that is the observed share. `num` counts their
    direct comparisons; with none it follows from the other policies, or from the prior alone."""
    left: Estimate | None
    """Share of decided comparisons of equal images that go to the left, minus one half."""
    num_decided: int
    num_ties: int
    num_both_bad: int
    num_skips: int
    num_raters: int
    num_prompts: int


def win_rates(
    comparisons: Sequence[Comparison],
    pairs: Mapping[str, Pair],
    policy_of: Mapping[str, str],
    *,
    same_raters: bool = False,
    prior_sd: float = PRIOR_SD,
) -> WinRates:
    """Fit Davidson's model to current comparisons of one aspect.

    Args:
        comparisons: Of one aspect, as the store lists them; an undo is a `ValueError`.
        pairs: The pairs by their id.
        policy_of: The policy that drew an image, by image id.
        same_raters: Ask about other prompts and these very raters: intervals are clustered by
            prompt only. With one rater they always are; with one prompt, by rater only.
        prior_sd: Standard deviation of the prior on all parameters, in logits.
    """
    asked = _ask(comparisons, pairs, policy_of)
    fitted = fit(design_of(asked.left, asked.right, len(asked.policies)), asked.seen, prior_sd)
    spread = TwoWay.of(fitted, [asked.prompts] if same_raters else [asked.raters, asked.prompts])
    choices = [comparison.choice for comparison in comparisons]
    num_ties = int((asked.seen == TIE).sum())
    num_decided = len(asked.seen) - num_ties
    return WinRates(
        policies=asked.policies,
        win_rates=_all_win_rates(fitted, asked, spread) if len(asked.seen) else {},
        left=_left_estimate(fitted, spread, num_decided),
        num_decided=num_decided,
        num_ties=num_ties,
        num_both_bad=choices.count(Choice.BOTH_BAD),
        num_skips=choices.count(Choice.SKIP),
        num_raters=len(np.unique(asked.raters)),
        num_prompts=len(np.unique(asked.prompts)),
    )


def win_probability(theta: Theta, first: int, second: int) -> tuple[float, Theta]:
    """Return P(first wins) + P(tie) / 2, averaged over both sides, and its gradient by theta."""
    sides = np.array([first, second]), np.array([second, first])
    design = design_of(*sides, len(theta) - 2)
    probabilities = softmax(design @ theta, axis=1)
    worth = np.array([[1, 0, 0.5], [0, 1, 0.5]])
    expected = np.einsum("no,nop->np", probabilities, design)
    slopes = np.einsum("no,no,nop->np", worth, probabilities, design - expected[:, None])
    return float((worth * probabilities).sum(axis=1).mean()), slopes.mean(axis=0)


@dataclass(frozen=True, slots=True)
class _Asked:
    """Comparisons with an order or a tie, as numbers."""

    policies: tuple[str, ...]
    left: Seen
    """Number of the policy on the left; `right` likewise."""
    right: Seen
    seen: Seen
    raters: Seen
    prompts: Seen


def _ask(
    comparisons: Sequence[Comparison], pairs: Mapping[str, Pair], policy_of: Mapping[str, str]
) -> _Asked:
    shown = [_shown(c, pairs[c.pair_id], policy_of) for c in comparisons]
    policies = tuple(sorted({policy for sides in shown for policy in sides}))
    number_of = {policy: n for n, policy in enumerate(policies)}
    kept = [(c, sides) for c, sides in zip(comparisons, shown, strict=True) if c.choice in _SEEN]
    return _Asked(
        policies=policies,
        left=_integers([number_of[left] for _, (left, _) in kept]),
        right=_integers([number_of[right] for _, (_, right) in kept]),
        seen=_integers([_SEEN[c.choice] for c, _ in kept]),
        raters=numbered([c.rater_id for c, _ in kept]),
        prompts=numbered([pairs[c.pair_id].prompt_id for c, _ in kept]),
    )


def _shown(comparison: Comparison, pair: Pair, policy_of: Mapping[str, str]) -> tuple[str, str]:
    """Return the policies on the left and on the right; refuse what `outcome_of` refuses."""
    outcome_of(comparison, pair)
    policy_a, policy_b = policy_of[pair.image_a], policy_of[pair.image_b]
    is_a_left = comparison.shown_left == pair.image_a
    return (policy_a, policy_b) if is_a_left else (policy_b, policy_a)


def _integers(values: Sequence[int]) -> Seen:
    return np.array(values, dtype=np.int64)


def _all_win_rates(fitted: Fit, asked: _Asked, spread: TwoWay) -> dict[tuple[str, str], Estimate]:
    found: dict[tuple[str, str], Estimate] = {}
    for a, first in enumerate(asked.policies):
        for b, second in enumerate(asked.policies[:a]):
            is_direct = (asked.left + asked.right == a + b) & (
                abs(asked.left - asked.right) == a - b
            )
            num = int(is_direct.sum())
            value, slope = win_probability(fitted.theta, a, b)
            over = _on_logit_scale(value, slope, spread, num)
            found[first, second], found[second, first] = over, _opposite(over)
    return found


def _left_estimate(fitted: Fit, spread: TwoWay, num: int) -> Estimate | None:
    if not num:
        return None
    value = float(expit(fitted.theta[-2]))
    slope: Float[np.ndarray, " theta"] = np.zeros_like(fitted.theta)
    slope[-2] = value * (1 - value)
    share = _on_logit_scale(value, slope, spread, num)
    low, high = (None if end is None else end - 0.5 for end in (share.low, share.high))
    return Estimate(share.value - 0.5, low, high, num)


def _on_logit_scale(
    value: float,
    slope: Theta,
    spread: TwoWay,
    num: int,
) -> Estimate:
    """Return a probability with an interval that is symmetric in logits, so within 0 and 1."""
    half = spread.half_width(slope / (value * (1 - value)))
    if half is None:
        return Estimate(value, None, None, num)
    low, high = expit(logit(value) + np.array([-half, half]))
    return Estimate(value, float(low), float(high), num)


def _opposite(over: Estimate) -> Estimate:
    if over.low is None or over.high is None:
        return Estimate(1 - over.value, None, None, over.num)
    return Estimate(1 - over.value, 1 - over.high, 1 - over.low, over.num)
