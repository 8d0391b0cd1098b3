"""Bradley-Terry with ties and with a side, as likelihood of arrays, and its fit.

Davidson (1970) with the order effect of Davidson and Beaver (1977), in logs:

    P(left) : P(right) : P(tie) = exp((d + b) / 2) : exp(-(d + b) / 2) : exp(t)     d = s_l - s_r

s is a policy's strength, b how much the left side is worth, t how ready raters are to call a tie.
All three exponents are linear in theta = (s_1 ... s_K, b, t), so the likelihood is concave.

A weak prior, normal with mean 0 and standard deviation `PRIOR_SD` on each entry of theta, keeps the
strengths finite where one policy always wins, a tie is never called or nothing links two policies.
It moves a win rate by less than a hundredth after thirty comparisons of two policies, unless one
of them always wins: thirty wins of thirty are then 0.98 and not 1.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

LEFT, RIGHT, TIE = 0, 1, 2
"""Outcomes as seen: columns of a design."""

PRIOR_SD = 2.0
_GRADIENT_NORM = 1e-6
"""At which a fit is done; a comparison adds about 1."""

Design = Float[np.ndarray, "comparisons 3 theta"]
Seen = Int[np.ndarray, " comparisons"]
Theta = Float[np.ndarray, " theta"]
Square = Float[np.ndarray, "theta theta"]


def design_of(left: Seen, right: Seen, num_policies: int) -> Design:
    """Return each comparison's exponents as coefficients of theta; `left` are policy numbers."""
    of_policy = np.eye(num_policies)
    design = np.zeros((len(left), 3, num_policies + 2))
    design[:, LEFT, :-2] = (of_policy[left] - of_policy[right]) / 2
    design[:, LEFT, -2] = 0.5
    design[:, RIGHT] = -design[:, LEFT]
    design[:, TIE, -1] = 1
    return design


def penalised_loss(
    theta: Theta, design: Design, seen: Seen, prior_sd: float = PRIOR_SD
) -> tuple[float, Theta]:
    """Return minus the log posterior, up to a constant, and its gradient."""
    log_probabilities = log_softmax(design @ theta, axis=1)
    loss = -log_probabilities[np.arange(len(seen)), seen].sum() + theta @ theta / (2 * prior_sd**2)
    return float(loss), theta / prior_sd**2 - scores(theta, design, seen).sum(axis=0)


def scores(theta: Theta, design: Design, seen: Seen) -> Float[np.ndarray, "comparisons theta"]:
    """Return the gradient of each comparison's log-likelihood."""
    expected = np.einsum("no,nop->np", softmax(design @ theta, axis=1), design)
    return design[np.arange(len(seen)), seen] - expected


def curvatures(theta: Theta, design: Design) -> Float[np.ndarray, "comparisons theta theta"]:
    """Return minus the Hessian of each comparison's log-likelihood; no outcome enters it."""
    probabilities = softmax(design @ theta, axis=1)
    expected = np.einsum("no,nop->np", probabilities, design)
    squares = np.einsum("no,nop,noq->npq", probabilities, design, design)
    return squares - expected[:, :, None] * expected[:, None, :]


@dataclass(frozen=True, slots=True)
class Fit:
    """The posterior's mode and what is needed to know how sure it is."""

    theta: Theta
    scores: Float[np.ndarray, "comparisons theta"]
    curvatures: Float[np.ndarray, "comparisons theta theta"]
    information: Square
    """Curvature of the log posterior at the mode."""


def fit(design: Design, seen: Seen, prior_sd: float = PRIOR_SD) -> Fit:
    """Return the mode of the posterior: maximum likelihood but for the weak prior."""
    prior = np.eye(design.shape[2]) / prior_sd**2
    mode: Theta = minimize(
        penalised_loss,
        np.zeros(design.shape[2]),
        args=(design, seen, prior_sd),
        jac=True,
        hess=lambda theta, *_: prior + curvatures(theta, design).sum(axis=0),
        method="trust-exact",
        options={"gtol": _GRADIENT_NORM},
    ).x
    bends = curvatures(mode, design)
    return Fit(mode, scores(mode, design, seen), bends, prior + bends.sum(axis=0))
