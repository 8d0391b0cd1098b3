"""How probable each outcome of a comparison is, given two rewards, and the loss that follows.

With the margin d = r_a - r_b of the raw rewards and sigma the logistic function:

    Bradley-Terry (1952)  P(a) = sigma(d)
    Davidson (1970)       P(a) : P(b) : P(tie) = exp(d/2) : exp(-d/2) : nu    nu = exp(t)
    Rao-Kupper (1967)     P(a) = sigma(d - eta), P(b) = sigma(-d - eta)       eta = softplus(t)

t is one learned number. Only margins enter, so adding a constant to all rewards changes nothing,
and swapping the images swaps P(a) and P(b). "Both bad" says nothing about which image is better
and is a tie here; skipped pairs never come this far. Targets are distributions over (a, b, tie),
so that several raters' answers or a rater's certainty can be given as soft labels.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from reward_training.config import TieModel
from reward_training.outcomes import NUM_OUTCOMES


def outcome_log_probabilities(
    margin: Float[Tensor, " pairs"], tie_logit: Float[Tensor, ""], ties: TieModel
) -> Float[Tensor, "pairs outcomes"]:
    """Return log P of (a, b, tie), or of (a, b) where ties have no probability of their own."""
    if ties == "davidson":
        logits = torch.stack([margin / 2, -margin / 2, tie_logit.expand_as(margin)], dim=-1)
        return logits.log_softmax(dim=-1)
    if ties == "rao_kupper":
        eta = functional.softplus(tie_logit)
        log_a, log_b = functional.logsigmoid(margin - eta), functional.logsigmoid(-margin - eta)
        # P(tie) = (exp(2 eta) - 1) P(a) P(b), from theta = exp(eta) in Rao and Kupper's form.
        log_tie = torch.log(torch.expm1(2 * eta)) + log_a + log_b
        return torch.stack([log_a, log_b, log_tie], dim=-1)
    return torch.stack([functional.logsigmoid(margin), functional.logsigmoid(-margin)], dim=-1)


def cross_entropy(
    log_probabilities: Float[Tensor, "pairs outcomes"], targets: Float[Tensor, "pairs 3"]
) -> Float[Tensor, " pairs"]:
    """Return each comparison's loss; without a tie outcome a tie is half a choice for each."""
    if log_probabilities.shape[-1] < NUM_OUTCOMES:
        targets = targets[:, :2] + targets[:, 2:] / 2
    return -(targets * log_probabilities).sum(dim=-1)


def smooth_targets(targets: Float[Tensor, "pairs 3"], smoothing: float) -> Float[Tensor, "pairs 3"]:
    """Mix in the opposite choice with probability `smoothing`; a tie stays a tie."""
    return (1 - smoothing) * targets + smoothing * targets[:, [1, 0, 2]]


def preference_loss(
    margin: Float[Tensor, " pairs"],
    tie_logit: Float[Tensor, ""],
    targets: Float[Tensor, "pairs 3"],
    *,
    ties: TieModel,
    smoothing: float = 0.0,
) -> Float[Tensor, " pairs"]:
    """Return the negative log-likelihood of each comparison."""
    log_probabilities = outcome_log_probabilities(margin, tie_logit, ties)
    return cross_entropy(log_probabilities, smooth_targets(targets, smoothing))
