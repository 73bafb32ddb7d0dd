"""Parallel tempering: chains at several temperatures, which now and then change places.

The hot chains cross what separates the modes of the target, the cold ones look closely; a swap of neighbors j, k on
the path $f_\\beta$ is a Metropolis move on their joint density, accepted with probability

$$ \\min\\left(1, \\frac{f_j(x_k)\\,f_k(x_j)}{f_j(x_j)\\,f_k(x_k)}\\right). $$

Even and odd pairs take turns, which carries states up and down the ladder fastest.

References:
    Geyer, 1991, "Markov chain Monte Carlo maximum likelihood"
    Syed, Bouchard-Côté, Deligiannidis & Doucet, 2021, "Non-reversible parallel tempering", arXiv:1905.02939
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from genzoo._random import at_least_single
from genzoo.core.noise import Noise
from genzoo.mcmc.annealing import Path, check_betas
from genzoo.mcmc.densities import density
from genzoo.mcmc.kernel import Kernel, along

__all__ = ["Ladder", "tempering"]


class Ladder(NamedTuple):
    """Chains at several temperatures.

    Attributes:
        x: (chains, *event), those at β = 1.
        accept: (chains,), the acceptance of their last move.
        rungs: The kernels' states, from the hottest to the coldest.
        swap: (chains, rungs − 1), how likely the last swap of each pair of neighbors was.
        turn: Whether odd pairs swap next, a scalar.
    """

    x: Tensor
    accept: Tensor
    rungs: tuple[Any, ...]
    swap: Tensor
    turn: Tensor


def tempering(path: Path, kernel: Callable[[float], Kernel], betas: Sequence[float] | Tensor) -> Kernel:
    """Parallel tempering along a path of densities.

    Args:
        path: β to the log-density $\\log f_\\beta$; `lambda beta: lambda x: beta * log_prob(x)`, or `geometric`.
        kernel: β to the kernel that moves the chains there.
        betas: Rising to 1, the target; spaced so that every pair swaps now and then.

    Raises:
        ValueError: If the betas do not rise to 1, or are negative.

    Example:
        >>> from genzoo.mcmc import random_walk, run
        >>> def modes(x):
        ...     return torch.logaddexp(-8 * (x - 3).square(), -8 * (x + 3).square()).sum(1)
        >>> path = lambda beta: lambda x: beta * modes(x)
        >>> walk = lambda beta: random_walk(path(beta), scale=0.5 / beta**0.5)
        >>> kernel = tempering(path, walk, [0.01, 0.1, 0.3, 1.0])
        >>> x = run(kernel, torch.full((8, 1), 3.0), Noise(0), 300).x
        >>> 0.2 < (x[100:] > 0).float().mean() < 0.8
        tensor(True)

    References:
        Geyer, 1991; Syed et al., 2021, arXiv:1905.02939
    """
    rising = check_betas(betas)
    kernels, log_probs = [kernel(beta) for beta in rising], [density(path(beta)).log_prob for beta in rising]

    def init(x: Tensor) -> Ladder:
        rungs = tuple(kernel.init(x) for kernel in kernels)
        swap = torch.zeros(len(x), len(rungs) - 1, device=x.device)
        return Ladder(x, rungs[-1].accept, rungs, swap, torch.zeros((), dtype=torch.int64))

    def step(state: Ladder, noise: Noise) -> Ladder:
        moved = [k.step(rung, noise.at(i)) for i, (k, rung) in enumerate(zip(kernels, state.rungs, strict=True))]
        accept, x, swap = moved[-1].accept, [rung.x for rung in moved], state.swap.clone()
        for j in range(int(state.turn), len(x) - 1, 2):
            x[j], x[j + 1], odds = swapped(log_probs[j], log_probs[j + 1], (x[j], x[j + 1]), noise.at("swap", j))
            swap[:, j] = odds
            for i in (j, j + 1):
                moved[i] = kernels[i].init(x[i])
        return Ladder(x[-1], accept, tuple(moved), swap, 1 - state.turn)

    return Kernel(init, step)


def swapped(
    hot: Callable[[Tensor], Tensor], cold: Callable[[Tensor], Tensor], pair: tuple[Tensor, Tensor], noise: Noise
) -> tuple[Tensor, Tensor, Tensor]:
    """A pair of neighbors after the choice to swap, and the probability with which they do.

    Args:
        hot: The log-density of the first.
        cold: That of the second.
        pair: Both (chains, *event).
        noise: The choice's.

    Example:
        >>> flat = lambda x: torch.zeros(len(x))
        >>> swapped(flat, flat, (torch.zeros(1, 1), torch.ones(1, 1)), Noise(0))[:2]
        (tensor([[1.]]), tensor([[0.]]))
    """
    a, b = pair
    odds = (hot(b) + cold(a) - hot(a) - cold(b)).nan_to_num(-torch.inf).clamp_max(0).exp()
    goes = along(noise.uniform(len(odds), dtype=at_least_single(odds.dtype)) < odds, a)
    return torch.where(goes, b, a), torch.where(goes, a, b), odds
