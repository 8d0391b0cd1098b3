"""How probable each outcome of a comparison is, given two rewards, and the loss that follows.

With the margin d = r_a - r_b of the raw rewards and sigma the logistic function:

    Bradley-Terry (1952)  P(a) = sigma(d)
    Davidson (1970)       P(a) : P(b) : P(tie) = exp(d/2) : exp(-d/2) : nu    nu = exp(t)
    Rao-Kupper (1967)     P(a) = sigma(d - eta), P(b) = sigma(-d - eta)       eta = softplus(t)

"Both bad" orders nothing, but it says that neither image is good enough, where a tie may be of two
good ones. With Davidson's ties an image misses a bar c with odds exp(c - r), so beside the above

    P(both bad) = exp(2c - r_a - r_b)    in the same ratio

and the rewards of a prompt that is never met stay below those of one that always is. The other two
take it for a tie. t and c are one learned number each. Adding a constant to all rewards and to the
bar changes nothing; swapping the images swaps P(a) and P(b). Skipped pairs never come this far.
Targets are distributions over (a, b, tie, both bad), so that several raters' answers or a rater's
certainty can be given as soft labels.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from reward_training.config import TieModel
from reward_training.inputs.outcomes import BOTH_BAD, PREFERS_A, PREFERS_B, TIE


def outcome_log_probabilities(
    rewards: Float[Tensor, "pairs 2"],
    *,
    tie_logit: Float[Tensor, ""],
    bar: Float[Tensor, ""],
    ties: TieModel,
) -> Float[Tensor, "pairs outcomes"]:
    """Return log P of (a, b, tie, both bad), without those that `ties` gives no probability.

    Args:
        rewards: Raw rewards of image a and image b.
        tie_logit: How ready raters are to call a tie: t.
        bar: Raw reward from which on an image is good enough: c.
        ties: Which model; "rao_kupper" has three outcomes, "none" has two.
    """
    margin = rewards[:, 0] - rewards[:, 1]
    if ties == "davidson":
        tie, shortfall = tie_logit.expand_as(margin), 2 * bar - rewards.sum(dim=-1)
        logits = torch.stack([margin / 2, -margin / 2, tie, shortfall], dim=-1)
        return logits.log_softmax(dim=-1)
    if ties == "rao_kupper":
        eta = functional.softplus(tie_logit)
        log_a, log_b = functional.logsigmoid(margin - eta), functional.logsigmoid(-margin - eta)
        # P(tie) = (exp(2 eta) - 1) P(a) P(b), from theta = exp(eta) in Rao and Kupper's form.
        log_tie = torch.log(torch.expm1(2 * eta)) + log_a + log_b
        return torch.stack([log_a, log_b, log_tie], dim=-1)
    return torch.stack([functional.logsigmoid(margin), functional.logsigmoid(-margin)], dim=-1)


def cross_entropy(
    log_probabilities: Float[Tensor, "pairs outcomes"], targets: Float[Tensor, "pairs 4"]
) -> Float[Tensor, " pairs"]:
    """Return each comparison's loss."""
    merged = merge_outcomes(targets, log_probabilities.shape[-1])
    return -(merged * log_probabilities).sum(dim=-1)


def merge_outcomes(
    targets: Float[Tensor, "pairs 4"], num_outcomes: int
) -> Float[Tensor, "pairs outcomes"]:
    """Bring distributions over all four outcomes to those that a model of ties knows.

    Where "both bad" is no outcome it is a tie, and where a tie is none it is half a choice for
    each.
    """
    if num_outcomes <= BOTH_BAD:
        targets = torch.cat([targets[:, :TIE], targets[:, TIE:].sum(dim=-1, keepdim=True)], dim=-1)
    if num_outcomes <= TIE:
        targets = targets[:, :TIE] + targets[:, TIE:] / 2
    return targets


def smooth_targets(targets: Float[Tensor, "pairs 4"], smoothing: float) -> Float[Tensor, "pairs 4"]:
    """Mix in the opposite choice with probability `smoothing`; what orders nothing stays."""
    opposite = targets[:, [PREFERS_B, PREFERS_A, TIE, BOTH_BAD]]
    return (1 - smoothing) * targets + smoothing * opposite


def contrast_loss(
    rewards: Float[Tensor, "prompts images"],
    *,
    liking: Float[Tensor, "prompts images"],
    is_own: Bool[Tensor, "prompts images"],
) -> Float[Tensor, ""]:
    """Return how improbable it is that liked images win against images of other prompts.

    Pairs show images of one prompt only, so what comparisons teach of a prompt says nothing of
    images that no policy ever drew for it, and tuning finds those that a reward wrongly likes. Each
    liked image must therefore be the choice among itself and the images that are not the prompt's
    own (InfoNCE, van den Oord et al. 2018, Eq. 4; Luce's choice rule on Bradley-Terry's rewards).
    Nothing liked costs nothing.

    Args:
        rewards: Raw reward of every image for every prompt.
        liking: Weight of an image that raters preferred for this prompt, or called a tie of two
            good ones; 0 for all others.
        is_own: The image was compared for this prompt; liked or not, it is no example of another.
    """
    prompts, images = liking.nonzero(as_tuple=True)
    if not len(prompts):
        return rewards.new_zeros(())
    of_others = rewards.masked_fill(is_own, -torch.inf)[prompts]
    liked = rewards[prompts, images]
    losses = torch.cat([liked[:, None], of_others], dim=1).logsumexp(dim=1) - liked
    weights = liking[prompts, images]
    return (weights * losses).sum() / weights.sum()
