"""Gradients of expectations, $\\nabla_\\theta\\,\\mathbb E_{p_\\theta(x)}[f(x)]$, in the two ways that are unbiased.

Reparametrized, x = g(θ, ε) is a map of noise that θ does not move, and f is differentiated through it,

$$ \\nabla_\\theta \\mathbb E_{p_\\theta}[f(x)] = \\mathbb E\\big[\\nabla_\\theta f(g(\\theta, \\epsilon))\\big]. $$

By the log-derivative trick, ∇p = p ∇log p, only the density is differentiated, so x may be discrete and f anything,

$$ \\nabla_\\theta \\mathbb E_{p_\\theta}[f(x)] = \\mathbb E[(f(x) - b)\\,\\nabla_\\theta \\log p_\\theta(x)], $$

for any baseline b that does not depend on x, since E ∇log p = 0. The variance is least, entry by entry, for
b* = E[f s²] / E[s²] with s = ∇log p. Baselines are estimated from the *other* rows of the batch, so that no row's
baseline depends on the row.

References:
    Williams, 1992, "Simple statistical gradient-following algorithms for connectionist reinforcement learning"
    Kingma & Welling, 2014, "Auto-encoding variational Bayes", arXiv:1312.6114
    Mohamed, Rosca, Figurnov & Mnih, 2020, "Monte Carlo gradient estimation in machine learning", arXiv:1906.10652
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution

from genzoo.core.noise import Noise
from genzoo.distributions.draws import draw
from genzoo.tasks.expectations import Function

__all__ = ["BASELINES", "Family", "leave_one_out", "reparametrized_gradients", "score_gradients", "score_surrogate"]

Family = Callable[[Tensor], Distribution]
"""θ, one row for each draw, to p_θ with that batch of rows."""

BASELINES = ("none", "mean", "optimal")


def reparametrized_gradients(
    family: Family, theta: Float[Tensor, " P"], f: Function, noise: Noise, n: int = 1000
) -> Float[Tensor, "n P"]:
    """One unbiased gradient a row, through the draw; their mean is the estimate, their spread its variance.

    Args:
        family: θ to p_θ; its draws must be differentiable in θ.
        theta: θ.
        f: One number for each row of x, differentiable.
        noise: Where the draws come from.
        n: How many rows.

    Raises:
        ValueError: If a draw is not differentiable in θ.

    Example:
        >>> normal = lambda theta: torch.distributions.Normal(theta[:, 0], 1.0)
        >>> gradients = reparametrized_gradients(normal, torch.tensor([1.5]), torch.square, Noise(0))
        >>> bool((gradients.mean() - 2 * 1.5).abs() < 0.2)  # E x² = μ² + 1
        True
    """
    rows = theta.detach().expand(n, -1).clone().requires_grad_()
    y = f(draw(family(rows), noise))
    if not y.requires_grad:
        raise ValueError(
            "A reparametrized gradient needs draws and f that are differentiable in θ, got none that are. "
            "Use score_gradients."
        )
    (gradient,) = torch.autograd.grad(y.sum(), rows)
    return gradient


def score_gradients(
    family: Family,
    theta: Float[Tensor, " P"],
    f: Function,
    noise: Noise,
    n: int = 1000,
    *,
    baseline: str = "mean",
) -> Float[Tensor, "n P"]:
    """One unbiased gradient a row, by the score function; x may be discrete and f anything.

    Args:
        family: θ to p_θ.
        theta: θ.
        f: One number for each row of x.
        noise: Where the draws come from.
        n: How many rows.
        baseline: `none`, the `mean` of f over the other rows, or the `optimal` one by them.

    Raises:
        ValueError: If there is no such baseline, or too few rows for one.

    Example:
        >>> coin = lambda theta: torch.distributions.Bernoulli(logits=theta[:, 0])
        >>> gradients = score_gradients(coin, torch.zeros(1), lambda x: 3 * x, Noise(0))
        >>> bool((gradients.mean() - 3 / 4).abs() < 0.1)  # p (1 − p) · 3
        True
    """
    if baseline not in BASELINES:
        raise ValueError(f"`baseline` must be one of {', '.join(BASELINES)}, got {baseline!r}.")
    if baseline != "none" and n < 2:
        raise ValueError(f"A baseline needs at least two rows, got {n}. Raise n, or use baseline='none'.")
    rows = theta.detach().expand(n, -1).clone().requires_grad_()
    distribution = family(rows)
    with torch.no_grad():
        x = draw(distribution, noise)
        y = f(x).to(theta.dtype)
    log_prob = distribution.log_prob(x)
    (score,) = torch.autograd.grad(log_prob.flatten(1).sum() if log_prob.ndim > 1 else log_prob.sum(), rows)
    return (y[:, None] - _baseline(baseline, y, score)) * score


def _baseline(kind: str, y: Float[Tensor, " n"], score: Float[Tensor, "n P"]) -> Float[Tensor, "n #P"]:
    match kind:
        case "mean":
            return leave_one_out(y)[:, None]
        case "optimal":
            squares = score.square()
            above, below = leave_one_out(y[:, None] * squares), leave_one_out(squares)
            return above / below.clamp_min(torch.finfo(below.dtype).tiny)
    return torch.zeros_like(y)[:, None]


def leave_one_out(y: Float[Tensor, "n *rest"]) -> Float[Tensor, "n *rest"]:
    """The mean of the other rows, for each row.

    Args:
        y: The rows.

    Example:
        >>> leave_one_out(torch.tensor([1.0, 2.0, 6.0])).tolist()
        [4.0, 3.5, 1.5]
    """
    return (y.sum(0) - y) / (len(y) - 1)


def score_surrogate(y: Float[Tensor, " n"], log_prob: Float[Tensor, " n"]) -> Float[Tensor, ""]:
    """A loss whose gradient is the score function's, with the mean of the other rows as baseline.

    $$ \\frac1n \\sum_i \\mathrm{stop}\\Big(f_i - \\frac1{n-1} \\sum_{j \\ne i} f_j\\Big) \\log p_\\theta(x_i) $$

    Args:
        y: f of each row.
        log_prob: $\\log p_\\theta$ of each row, differentiable in θ.

    Example:
        >>> theta = torch.zeros(3, requires_grad=True)
        >>> score_surrogate(torch.tensor([1.0, 2.0, 3.0]), theta).backward()
        >>> theta.grad.tolist()
        [-0.5, 0.0, 0.5]

    References:
        Kool, van Hoof & Welling, 2019, "Buy 4 REINFORCE samples, get a baseline for free!"
    """
    y = y.detach()
    return ((y - leave_one_out(y)) * log_prob).mean()
