"""Metropolis's and Hastings's kernels: propose, then accept or stay.

A chain at x proposes x' ~ q(· | x) and goes there with probability

$$ a(x' \\mid x) = \\min\\left(1, \\frac{p(x')\\,q(x \\mid x')}{p(x)\\,q(x' \\mid x)}\\right), $$

which puts the flows from x to x' and back in detailed balance: $p(x)\\,q(x' \\mid x)\\,a(x' \\mid x)$ is symmetric in
x and x', whatever q is. Only the ratio of densities is needed, so p may lack its constant.

References:
    Metropolis, Rosenbluth, Rosenbluth, Teller & Teller, 1953, "Equation of state calculations by fast computing
    machines"
    Hastings, 1970, "Monte Carlo sampling methods using Markov chains and their applications"
"""

from collections.abc import Callable

import torch
from torch import Tensor

from genzoo.core.noise import Noise
from genzoo.mcmc.densities import Target, density
from genzoo.mcmc.kernel import Kernel, State, accepted

__all__ = ["Proposal", "metropolis", "random_walk"]

Proposal = Callable[[Tensor, Noise], tuple[Tensor, Tensor | float]]


def metropolis(target: Target, propose: Proposal) -> Kernel:
    """The Metropolis–Hastings kernel of any proposal.

    Args:
        target: The log-density, up to a constant; its gradient is not used.
        propose: (x, noise) to (x', log q(x | x') − log q(x' | x)); the second is 0 for a symmetric proposal.

    Example:
        >>> def around(x, noise):  # a step on a ring of six places, twice as often up as down
        ...     up = noise.uniform(len(x)) < 2 / 3
        ...     return (x + torch.where(up, 1, -1)) % 6, torch.where(up, -1.0, 1.0) * torch.tensor(2.0).log()
        >>> kernel = metropolis(lambda x: torch.zeros(len(x)), around)
        >>> kernel.step(kernel.init(torch.zeros(3, dtype=torch.int64)), Noise(0)).x.shape
        torch.Size([3])

    References:
        Hastings, 1970
    """
    log_prob = density(target).log_prob

    def init(x: Tensor) -> State:
        value = log_prob(x)
        return State(x, value, value.new_empty(len(x), 0), torch.ones_like(value))

    def step(state: State, noise: Noise) -> State:
        x, log_q = propose(state.x, noise)
        new = State(x, log_prob(x), state.score, state.accept)
        return accepted(noise, new.log_prob - state.log_prob + log_q, new, state)

    return Kernel(init, step)


def random_walk(target: Target, *, scale: float | Tensor) -> Kernel:
    """The random walk $x' = x + \\sigma z$, z ~ N(0, I), in reals.

    In many dimensions it is fastest at a scale that accepts 23 % of the moves.

    Args:
        target: The log-density, up to a constant.
        scale: σ, one for all entries or one for each.

    Raises:
        ValueError: If a scale is not positive.

    Example:
        >>> kernel = random_walk(lambda x: -x.abs().sum(1), scale=1.0)
        >>> kernel.step(kernel.init(torch.zeros(4, 3)), Noise(0)).accept.shape
        torch.Size([4])

    References:
        Roberts, Gelman & Gilks, 1997, "Weak convergence and optimal scaling of random walk Metropolis algorithms"
    """
    check_positive("scale", scale)

    def propose(x: Tensor, noise: Noise) -> tuple[Tensor, float]:
        return x + scale * noise.normal(*x.shape, dtype=x.dtype), 0.0

    return metropolis(target, propose)


def check_positive(name: str, value: float | Tensor) -> None:
    """Refuses a number that is not positive and finite.

    Raises:
        ValueError: If it is not.

    Example:
        >>> check_positive("scale", 0.5)
    """
    numbers = torch.as_tensor(value)
    if not ((numbers > 0) & numbers.isfinite()).all():
        raise ValueError(f"`{name}` must be positive and finite, got {value}. Start from a tenth of the data's width.")
