"""Walks in a latent from a law that can be drawn to one that cannot, and back.

Between the two lies a path, and along it chains are moved by Hamiltonian Monte Carlo,

$$ f_\\beta(z) = f_0(z)\\,e^{\\beta g(z)}, \\qquad \\beta: 0 \\to 1. $$

What chains gain on the way are their weights, $\\log w = \\sum_k (\\beta_{k+1} - \\beta_k)\\,g(z_k)$, with
$\\mathbb E\\,w = Z_1 / Z_0$; of chains that begin at draws of $f_1$ and go down, $\\mathbb E\\,w = Z_0 / Z_1$.

References:
    Neal, 2001, "Annealed importance sampling", arXiv:physics/9803008
    Grosse, Ghahramani & Adams, 2015, "Sandwiching the marginal likelihood using bidirectional Monte Carlo",
        arXiv:1511.02543
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.core.noise import Noise
from genzoo.mcmc import hmc, rhat
from genzoo.mcmc.densities import Density
from genzoo.tasks.importance import systematic

__all__ = ["LEAPS", "Ascent", "Tilted", "again", "annealed", "column", "descended", "disagreement", "moved"]

LEAPS = 5  # of a move


class Tilted(NamedTuple):
    """The path $f_\\beta(z) = f_0(z)\\,e^{\\beta g(z)}$, for rows of z.

    Attributes:
        draw: Draws of f₀, one for each row.
        log_start: log f₀(z).
        gain: g(z).
    """

    draw: Callable[[Noise], Tensor]
    log_start: Callable[[Tensor], Tensor]
    gain: Callable[[Tensor], Tensor]

    def at(self, beta: float) -> Density:
        """The density of a temperature, with its slope in the same pass."""

        def log_prob(z: Tensor) -> Tensor:
            return self.log_start(z) + beta * self.gain(z)

        def both(z: Tensor) -> tuple[Tensor, Tensor]:
            with torch.enable_grad():
                z = z.detach().requires_grad_()
                value = log_prob(z)
                (slope,) = torch.autograd.grad(value.sum(), z)
            return value.detach(), slope

        return Density(log_prob, lambda z: both(z)[1], both)


class Ascent(NamedTuple):
    """Chains at the end of a path.

    Attributes:
        z: Where they are.
        log_w: Their weights.
        sizes: The step size of each chain at each temperature.
    """

    z: Tensor
    log_w: Float[Tensor, " rows"]
    sizes: list[Tensor]


def annealed(path: Tilted, start: Noise, noise: Noise, betas: Sequence[float], chains: int) -> Ascent:
    """Chains at β = 1 with their weights, those of a row standing together.

    Step sizes are found by other chains that are annealed before: found on the way, they would follow where a chain
    has been, and weights would be biased.

    Args:
        path: From f₀ to f₁.
        start: Draws of f₀.
        noise: Moves.
        betas: Rising from 0 to 1.
        chains: Of a row; they share their step sizes.
    """
    z = path.draw(start.at("pilot"))
    size, sizes = column(z, 0.2), []
    for k in range(len(betas) - 1):
        z, size = _step(path.at(betas[k + 1]), z, size, noise.at("pilot", k))
        shared = size.log().view(-1, chains).mean(1, keepdim=True).expand(-1, chains)
        sizes.append(shared.exp().reshape(size.shape))
    z = path.draw(start)
    log_w = z.new_zeros(len(z), dtype=torch.float64)
    for k in range(len(betas) - 1):
        log_w = log_w + (betas[k + 1] - betas[k]) * path.gain(z).double()
        z, _ = _step(path.at(betas[k + 1]), z, sizes[k], noise.at(k))
    return Ascent(z, log_w, sizes)


def descended(
    path: Tilted, z: Float[Tensor, "rows *latent"], noise: Noise, betas: Sequence[float], sizes: Sequence[Tensor]
) -> Float[Tensor, " rows"]:
    """The weights of chains that go the same way back, from draws of f₁.

    Args:
        path: From f₀ to f₁.
        z: Draws of f₁.
        noise: Moves.
        betas: Rising from 0 to 1.
        sizes: The step size of each chain at each temperature, as `annealed` found them.
    """
    log_w = z.new_zeros(len(z), dtype=torch.float64)
    for k in range(len(betas) - 1, 0, -1):
        z, _ = _step(path.at(betas[k]), z, sizes[k - 1], noise.at("down", k))
        log_w = log_w - (betas[k] - betas[k - 1]) * path.gain(z).double()
    return log_w


def moved(path: Tilted, z: Tensor, size: Tensor, noise: Noise, moves: int) -> tuple[Tensor, Tensor]:
    """Chains after some moves at β = 1, and what g was on the way.

    Args:
        path: From f₀ to f₁.
        z: Where chains are.
        size: The step size of each, which is fitted in the first third of the moves.
        noise: Moves.
        moves: How many.
    """
    density, trace = path.at(1.0), []
    for k in range(moves):
        z, adapted = _step(density, z, size, noise.at(k))
        size = adapted if k < moves // 3 else size
        trace.append(path.gain(z).double())
    return z, torch.stack(trace) if trace else z.new_zeros(0, len(z))


def _step(density: Density, z: Tensor, size: Tensor, noise: Noise) -> tuple[Tensor, Tensor]:
    """A move of each chain by a step of its own, which is then a little longer or shorter."""
    kernel = hmc(density, step_size=size, steps=LEAPS)
    state = kernel.step(kernel.init(z), noise)
    accept = state.accept.reshape(size.shape)
    return state.x, (size * (0.4 * (accept - 0.75)).exp()).clamp(1e-4, 1.0)


def disagreement(trace: Float[Tensor, "moves rows"], count: int, chains: int) -> float:
    """The worst R̂ of what was traced in the second half of the moves; 1 where there are too few.

    Args:
        trace: A number of each chain after each move.
        count: Rows.
        chains: Of each row.
    """
    half = trace[len(trace) // 2 :].view(-1, count, chains)
    if len(half) < 4:
        return 1.0
    return max(rhat(half[:, b]).nan_to_num(1.0).item() for b in range(count))


def again(log_w: Float[Tensor, "B chains"], noise: Noise) -> Tensor:
    """Numbers of chains drawn by their weights, those of a row standing together.

    Args:
        log_w: The weights.
        noise: A row for each chain.
    """
    count, chains = log_w.shape
    first = chains * torch.arange(count, device=log_w.device)[:, None]
    return (systematic(log_w, chains, noise) + first).flatten()


def column(z: Tensor, value: float) -> Tensor:
    """A number for each row, shaped to go with them.

    Args:
        z: Rows.
        value: The number.
    """
    return torch.full((len(z), *[1] * (z.ndim - 1)), value, dtype=z.dtype, device=z.device)
