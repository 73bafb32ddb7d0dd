"""Langevin's diffusion: drift up the log-density, kicked by noise.

The equation $dx = \\nabla \\log p(x)\\,dt + \\sqrt2\\,dw$ has p as its stationary density. A step of length h of
Euler's method,

$$ x' = x + h\\,\\nabla \\log p(x) + \\sqrt{2h}\\,z, \\qquad z \\sim N(0, I), $$

leaves a density near p as it is (unadjusted); taken as a proposal and corrected by Metropolis and Hastings, p itself.

References:
    Roberts & Tweedie, 1996, "Exponential convergence of Langevin distributions and their discrete approximations"
    Roberts & Rosenthal, 1998, "Optimal scaling of discrete approximations to Langevin diffusions"
"""

import torch
from torch import Tensor

from genzoo.core.noise import Noise
from genzoo.mcmc.densities import Target, density
from genzoo.mcmc.hastings import check_positive
from genzoo.mcmc.kernel import Chains, Kernel, State, accepted, certain

__all__ = ["mala", "ula"]


def ula(target: Target, *, step_size: float | Tensor) -> Kernel:
    """The unadjusted Langevin algorithm: a gradient and no rejections, at the price of a bias that grows with h.

    On N(0, 1) the chain settles in N(0, 1 / (1 − h/2)), so the bias is known.

    Args:
        target: The log-density, or a density that has only a score.
        step_size: h, one for all entries or one for each.

    Raises:
        ValueError: If a step size is not positive.

    Example:
        >>> kernel = ula(lambda x: -x.square().sum(1) / 2, step_size=0.1)
        >>> kernel.step(kernel.init(torch.zeros(4, 3)), Noise(0)).x.shape
        torch.Size([4, 3])

    References:
        Roberts & Tweedie, 1996
    """
    check_positive("step_size", step_size)
    score, spread = density(target).score, (2 * torch.as_tensor(step_size)).sqrt()

    def step(state: Chains, noise: Noise) -> Chains:
        kick = spread.to(state.x) * noise.normal(*state.x.shape, dtype=state.x.dtype)
        return Chains(state.x + step_size * score(state.x) + kick, state.accept)

    return Kernel(lambda x: Chains(x, certain(x)), step)


def mala(target: Target, *, step_size: float | Tensor) -> Kernel:
    """The Metropolis-adjusted Langevin algorithm: exact; in many dimensions fastest where it accepts 57 %.

    Args:
        target: The log-density, up to a constant.
        step_size: h.

    Raises:
        ValueError: If the step size is not positive.

    Example:
        >>> kernel = mala(lambda x: -x.square().sum(1) / 2, step_size=0.5)
        >>> kernel.step(kernel.init(torch.zeros(4, 3)), Noise(0)).accept.shape
        torch.Size([4])

    References:
        Roberts & Tweedie, 1996
    """
    check_positive("step_size", step_size)
    both, spread = density(target).both, (2 * torch.as_tensor(step_size)).sqrt()

    def init(x: Tensor) -> State:
        return State(x, *both(x), certain(x))

    def step(state: State, noise: Noise) -> State:
        z = noise.normal(*state.x.shape, dtype=state.x.dtype)
        x = state.x + step_size * state.score + spread.to(z) * z
        new = State(x, *both(x), state.accept)
        back = (state.x - x - step_size * new.score) / spread.to(z)  # the kick that would lead back
        log_q = (z.square() - back.square()).flatten(1).sum(1) / 2
        return accepted(noise, new.log_prob - state.log_prob + log_q, new, state)

    return Kernel(init, step)
