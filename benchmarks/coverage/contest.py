"""Simulated comparisons of two policies by raters with tastes, and the win rate that is true."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import softmax

from data.records import Choice, Comparison, Pair

FIRST, SECOND = "first", "second"
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(80)
_CHOICES = (Choice.LEFT, Choice.RIGHT, Choice.TIE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Contest:
    """Raters compare one pair of each prompt; margins are in logits, as in Davidson's model.

    The margin of the first policy for a rater and a prompt is `margin` plus the rater's taste plus
    the prompt's favour, both normal.
    """

    num_raters: int
    num_prompts: int
    margin: float = 0.5
    taste_sd: float = 0.0
    favour_sd: float = 0.0
    side: float = 0.3
    """What the left side is worth, in logits."""
    side_sd: float = 0.0
    """How much raters differ in that."""
    tie: float = -1.0
    zeal: float = 1.0
    """How much of the prompts each rater answers, of what the one before does; the first all."""

    def win_rate(self) -> float:
        """Return P(first wins) + P(tie) / 2 over all raters, prompts and both sides."""
        left, right = self._expected(1), self._expected(-1)
        return float((left[0] + right[1] + (left[2] + right[2]) / 2) / 2)

    def left_bias(self) -> float:
        """Return the share of decided comparisons that go left, minus one half."""
        chances = self._expected(1) + self._expected(-1)
        return float(chances[0] / (chances[0] + chances[1]) - 0.5)

    def _expected(self, sign: int) -> Float[np.ndarray, " choices"]:
        """Return P(left, right, tie) where the first policy is left (1) or right (-1)."""
        spread = float(np.hypot(np.hypot(self.taste_sd, self.favour_sd), self.side_sd))
        margins = sign * self.margin + self.side + spread * _NODES
        return _WEIGHTS @ _chances(margins, self.tie) / _WEIGHTS.sum()


@dataclass(frozen=True, slots=True)
class Drawn:
    """One simulated data set, as the statistics take it."""

    comparisons: list[Comparison]
    pairs: dict[str, Pair]
    policy_of: dict[str, str]


def draw_contest(contest: Contest, generator: np.random.Generator) -> Drawn:
    """Draw raters, prompts, sides and choices."""
    size = (contest.num_raters, contest.num_prompts)
    taste = contest.taste_sd * generator.normal(size=(contest.num_raters, 1))
    favour = contest.favour_sd * generator.normal(size=(1, contest.num_prompts))
    side = contest.side + contest.side_sd * generator.normal(size=(contest.num_raters, 1))
    is_first_left = generator.random(size) < 0.5
    margins = np.where(is_first_left, 1, -1) * (contest.margin + taste + favour) + side
    chances = _chances(margins, contest.tie)
    chosen = (generator.random(size)[..., None] > chances.cumsum(axis=-1)[..., :2]).sum(axis=-1)
    is_answered = generator.random(size) < contest.zeal ** np.arange(contest.num_raters)[:, None]
    pairs = {f"{p}": _pair(p) for p in range(contest.num_prompts)}
    comparisons = [
        comparison(
            f"{r}", pairs[f"{p}"], _CHOICES[chosen[r, p]], is_a_left=bool(is_first_left[r, p])
        )
        for r, p in np.argwhere(is_answered).tolist()
    ]
    policy_of = {pair.image_a: FIRST for pair in pairs.values()}
    return Drawn(comparisons, pairs, policy_of | {p.image_b: SECOND for p in pairs.values()})


def comparison(rater_id: str, pair: Pair, choice: Choice, *, is_a_left: bool) -> Comparison:
    """Make a comparison without digests, which would take most of the time."""
    name = f"{rater_id}-{pair.pair_id}"
    return Comparison(
        comparison_id=name,
        pair_id=pair.pair_id,
        rater_id=rater_id,
        choice=choice,
        shown_left=pair.image_a if is_a_left else pair.image_b,
        milliseconds=2000,
        idempotency_key=name,
    )


def _pair(number: int) -> Pair:
    name = f"{number}"
    return Pair(
        pair_id=name, round=1, prompt_id=name, image_a=f"first-{name}", image_b=f"second-{name}"
    )


def _chances(
    margins: Float[np.ndarray, "*shape"], tie: float
) -> Float[np.ndarray, "*shape choices"]:
    exponents = [margins / 2, -margins / 2, np.full_like(margins, tie)]
    return softmax(np.stack(exponents, axis=-1), axis=-1)
