"""Hamiltonian Monte Carlo: give each chain a random momentum and let it roll.

With momenta p ~ N(0, M) the pair (x, p) has the density exp(−H), where

$$ H(x, p) = -\\log p(x) + \\tfrac12 p^\\top M^{-1} p. $$

Hamilton's equations $\\dot x = M^{-1} p,\\ \\dot p = \\nabla \\log p(x)$ keep H and volume, so a point they lead to
could always be accepted, however far it lies. The leapfrog keeps volume exactly and H nearly; what is missing is paid
by a Metropolis choice with probability $\\min(1, e^{H - H'})$.

References:
    Duane, Kennedy, Pendleton & Roweth, 1987, "Hybrid Monte Carlo"
    Neal, 2011, "MCMC using Hamiltonian dynamics", arXiv:1206.1901
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.core.noise import Noise
from genzoo.mcmc.densities import Density, Target, density
from genzoo.mcmc.hastings import check_positive
from genzoo.mcmc.kernel import Kernel, State, accepted, certain

__all__ = ["Place", "hmc", "leapfrog"]


class Place(NamedTuple):
    """A point in phase space, with what is known there.

    Attributes:
        x: Position.
        p: Momentum.
        log_prob: log p(x).
        score: Its gradient.
    """

    x: Tensor
    p: Tensor
    log_prob: Tensor
    score: Tensor


def leapfrog(target: Density, place: Place, step_size: float | Tensor, inverse_mass: float | Tensor) -> Place:
    """One leapfrog step: half a kick, a drift, half a kick,

    $$ p_{1/2} = p + \\tfrac\\epsilon2 \\nabla \\log p(x), \\quad x' = x + \\epsilon M^{-1} p_{1/2}, \\quad
       p' = p_{1/2} + \\tfrac\\epsilon2 \\nabla \\log p(x'). $$

    From (x', −p') it leads back to (x, −p).

    Args:
        target: What is walked on.
        place: Where from.
        step_size: ε.
        inverse_mass: The diagonal of M⁻¹.

    Example:
        >>> bell = density(lambda x: -x.square().sum(1) / 2)
        >>> x = torch.ones(1, 1)
        >>> there = leapfrog(bell, Place(x, 0 * x, *bell.both(x)), 0.1, 1.0)
        >>> [round(v.item(), 5) for v in there[:2]]
        [0.995, -0.09975]
    """
    p = place.p + step_size / 2 * place.score
    x = place.x + step_size * inverse_mass * p
    log_prob, score = target.both(x)
    return Place(x, p + step_size / 2 * score, log_prob, score)


def hmc(
    target: Target,
    *,
    step_size: float | Tensor,
    steps: int,
    inverse_mass: float | Float[Tensor, "*mass"] = 1.0,
    jitter: float = 0.1,
) -> Kernel:
    """Hamiltonian Monte Carlo with a fixed number of leapfrog steps; `warm_up` finds its step size and masses.

    Args:
        target: The log-density, up to a constant.
        step_size: ε.
        steps: Leapfrog steps for each move: as many gradients.
        inverse_mass: The diagonal of M⁻¹, best the variances of the entries.
        jitter: Every chain draws its own step size at every move, from ε (1 ± jitter), so that none goes round in an
            orbit whose period is the trajectory's.

    Raises:
        ValueError: If a step size, mass or number of steps is not positive, or the jitter not in [0, 1).

    Example:
        >>> kernel = hmc(lambda x: -x.square().sum(1) / 2, step_size=0.3, steps=5)
        >>> kernel.step(kernel.init(torch.zeros(4, 3)), Noise(0)).accept.min() > 0.8
        tensor(True)

    References:
        Duane et al., 1987; Neal, 2011, arXiv:1206.1901
    """
    check_positive("step_size", step_size)
    check_positive("inverse_mass", inverse_mass)
    if steps < 1 or not 0 <= jitter < 1:
        raise ValueError(f"`steps` must be at least 1 and `jitter` in [0, 1), got {steps} and {jitter}.")
    walked = density(target)

    def init(x: Tensor) -> State:
        return State(x, *walked.both(x), certain(x))

    def step(state: State, noise: Noise) -> State:
        x, invert = state.x, torch.as_tensor(inverse_mass).to(state.x)
        p = noise.normal(*x.shape, dtype=x.dtype) / invert.sqrt()
        turn = 2 * noise.uniform(len(x), *[1] * (x.ndim - 1), dtype=x.dtype) - 1
        place = Place(x, p, state.log_prob, state.score)
        for _ in range(steps):
            place = leapfrog(walked, place, step_size * (1 + jitter * turn), invert)
        log_ratio = place.log_prob - kinetic(place.p, invert) - (state.log_prob - kinetic(p, invert))
        return accepted(noise, log_ratio, State(place.x, place.log_prob, place.score, state.accept), state)

    return Kernel(init, step)


def kinetic(p: Float[Tensor, "chains *event"], inverse_mass: Float[Tensor, "*mass"]) -> Float[Tensor, " chains"]:
    """The kinetic energy $p^\\top M^{-1} p / 2$ of each chain.

    Example:
        >>> kinetic(torch.tensor([[1.0, 2.0]]), torch.tensor([2.0, 1.0]))
        tensor([3.])
    """
    return (p.square() * inverse_mass).flatten(1).sum(1) / 2
