"""Divergences from samples whose log-densities are known, with standard errors.

With n rows of p and m of q, every row is weighed as a draw from the pooled density n p + m q (the balance heuristic),

$$ \\hat D_f = \\sum_i \\frac{q(x_i)\\, f(p(x_i)/q(x_i))}{n\\,p(x_i) + m\\,q(x_i)}, $$

which is unbiased, needs nothing but the log-ratio r = log p − log q of each row, and for the bounded divergences
(total variation, Jensen–Shannon, Hellinger) has bounded terms, hence an error to be trusted at any distance. For the
others three answers are possible: a number with its error; ∞, where a row has been seen that makes it so; or a
refusal (`Unknowable`), where the tail of the terms says that no mean of them can be trusted.

References:
    Veach & Guibas, 1995, "Optimally combining sampling techniques for Monte Carlo rendering"
"""

import math

from jaxtyping import Float
from torch import Tensor

from genzoo.distributions.estimate import Estimate, TooFew, mean_of
from genzoo.distributions.f_divergence import FDivergence, checked_ratios
from genzoo.distributions.samples import Samples
from genzoo.distributions.tail import require_finite_variance

__all__ = ["estimated", "estimated_cross_entropy"]


def estimated(divergence: FDivergence, on_p: Samples | None, on_q: Samples | None = None) -> Estimate:
    """D(p ‖ q) from log p − log q on rows of p, of q, or of both, the densities normalized.

    KL is a mean over rows of p and reverse KL one over rows of q, because f(0) or lim f(t)/t is zero: what only the
    other one has counts for nothing. All others need both.

    Args:
        divergence: Which.
        on_p: log p − log q on rows drawn from p; ∞ where q is zero.
        on_q: The same on rows drawn from q; −∞ where p is zero.

    Raises:
        ValueError: If rows are missing that the divergence cannot do without, or a log-ratio is NaN.
        TooFew: If there are too few.
        Unknowable: If the terms have a tail without variance.

    Example:
        >>> import torch
        >>> from genzoo.core.noise import Noise
        >>> from genzoo.distributions.f_divergence import KL
        >>> z = Noise(0).normal(2000, 2)
        >>> on_p, on_q = 0.5 - z[:, 0], -0.5 - z[:, 1]  # of N(0, 1) and N(1, 1)
        >>> estimated(KL, on_p)  # ½
        Estimate(value=0.54..., error=0.022...)
        >>> estimated(KL, torch.full((10,), torch.inf))
        Estimate(value=inf, error=None)
    """
    on_p, on_q = (None if rows is None else checked_ratios(rows) for rows in (on_p, on_q))
    if divergence.at_zero == 0 or divergence.at_infinity == 0:
        return _from_one_side(divergence, on_p, on_q)
    if on_p is None or on_q is None:
        lacking = "p" if on_p is None else "q"
        raise ValueError(
            f"{divergence.name} needs rows of both, got none of {lacking}: what only {lacking} has is seen in its "
            "rows alone. Give log-ratios on both."
        )
    on_p, on_q = on_p.detach().double(), on_q.detach().double()
    n, m = len(on_p), len(on_q)
    if min(n, m) < 2:
        raise TooFew(f"An estimate with its error needs at least 2 rows of both, got {n} and {m}. Draw more.")
    sides = [_weighed(divergence, rows, n, m) for rows in (on_p, on_q)]
    value = sum(terms.sum().item() for terms in sides)
    if not math.isfinite(value):
        return Estimate(value)
    if math.inf in (divergence.at_zero, divergence.at_infinity):
        for terms in sides:
            require_finite_variance(terms, f"{divergence.name} from samples")
    return Estimate(value, math.sqrt(sum(len(terms) * terms.var().item() for terms in sides)))


def estimated_cross_entropy(log_q: Samples) -> Estimate:
    """−E_p log q from log q on rows of p: the cross-entropy, or, with p for q, the entropy.

    Args:
        log_q: log q on rows drawn from p.

    Raises:
        ValueError: If one is NaN.
        TooFew: If there are fewer than two rows.
        Unknowable: If the terms have a tail without variance.

    Example:
        >>> import torch
        >>> estimated_cross_entropy(torch.tensor([-1.0, -torch.inf]))
        Estimate(value=inf, error=None)
    """
    return _checked_mean(-checked_ratios(log_q).detach().double(), "A cross-entropy from samples")


def unchecked_value(divergence: FDivergence, on_p: Float[Tensor, " n"], on_q: Float[Tensor, " m"]) -> float:
    """The value alone, whatever the tail of its terms: for rows drawn again, whose repetitions look like one.

    Args:
        divergence: Which.
        on_p: log p − log q on rows of p.
        on_q: The same on rows of q.

    Example:
        >>> import torch
        >>> from genzoo.distributions.f_divergence import KL
        >>> unchecked_value(KL, torch.tensor([0.0, 1.0]), torch.tensor([0.0]))
        0.5
    """
    if divergence.at_zero == 0 or divergence.at_infinity == 0:
        return _one_sided(divergence, on_p if divergence.at_zero == 0 else on_q).mean().item()
    n, m = len(on_p), len(on_q)
    return sum(_weighed(divergence, rows.detach().double(), n, m).sum().item() for rows in (on_p, on_q))


def _weighed(divergence: FDivergence, r: Tensor, n: int, m: int) -> Tensor:
    """q f(p/q) / (n p + m q) at log-ratios r."""
    return divergence.at_ratio(r) / (n * r.sigmoid() + m * (-r).sigmoid())


def _from_one_side(divergence: FDivergence, on_p: Tensor | None, on_q: Tensor | None) -> Estimate:
    """E_p f(t)/t where f(0) = 0, else E_q f(t), t = p/q."""
    of_p = divergence.at_zero == 0
    given = on_p if of_p else on_q
    if given is None:
        raise ValueError(f"{divergence.name} is a mean over rows of {'p' if of_p else 'q'}, got none. Give theirs.")
    return _checked_mean(_one_sided(divergence, given), f"{divergence.name} from samples")


def _one_sided(divergence: FDivergence, on_rows: Tensor) -> Tensor:
    """f(t)/t where f(0) = 0, else f(t)."""
    r = on_rows.detach().double()
    share = (r if divergence.at_zero == 0 else -r).clamp_min(-700).sigmoid()  # of that side in p + q
    return divergence.at_ratio(r) / share


def _checked_mean(terms: Tensor, what: str) -> Estimate:
    found = mean_of(terms)
    if math.isfinite(found.value):
        require_finite_variance(terms, what)
    return found
