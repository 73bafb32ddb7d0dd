"""Densities of which everything is known: a correlated Gaussian, and a model of few states that can be enumerated."""

import itertools
from collections.abc import Callable

import torch
from scipy import stats
from torch import Tensor

from genzoo.core import Noise
from genzoo.mcmc import Kernel

MEAN = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
COVARIANCE = torch.tensor([[2.0, 1.2, 0.0], [1.2, 1.0, 0.2], [0.0, 0.2, 0.3]], dtype=torch.float64)
PRECISION = COVARIANCE.inverse()
COUPLING = torch.tensor(
    [[0, 1.0, 0, -0.7], [1.0, 0, 0.5, 0], [0, 0.5, 0, 0.8], [-0.7, 0, 0.8, 0]], dtype=torch.float64
)
FIELD = torch.tensor([0.3, -0.2, 0.1, -0.5], dtype=torch.float64)
EDGES = COUPLING.triu().nonzero()


def gaussian(x: Tensor) -> Tensor:
    """log N(x; MEAN, COVARIANCE) without its constant."""
    off = x - MEAN
    return -((off @ PRECISION) * off).sum(1) / 2


def exact(n: int, seed: int = 0) -> Tensor:
    """Draws of the Gaussian."""
    return MEAN + Noise(seed).normal(n, 3, dtype=torch.float64) @ torch.linalg.cholesky(COVARIANCE).T


def looks_gaussian(x: Tensor) -> float:
    """The smallest p-value of the entries, and of a combination of them, with a factor for asking four times."""
    along = torch.cat([torch.eye(3, dtype=torch.float64), torch.tensor([[1.0, -1.0, 2.0]], dtype=torch.float64)])
    values = []
    for a in along:
        scale = float((a @ COVARIANCE @ a).sqrt())
        values.append(stats.kstest((x @ a).numpy(), stats.norm(float(a @ MEAN), scale).cdf).pvalue)
    return 4 * min(values)


def binary(x: Tensor) -> Tensor:
    """The log-mass, up to a constant, of four binary entries on a ring with couplings of both signs."""
    x = x.double()
    return ((x @ COUPLING) * x).sum(1) / 2 + x @ FIELD


def logits(sites: Tensor, x: Tensor) -> Tensor:
    """The logits of entries given the others."""
    return x.double() @ COUPLING[:, sites] + FIELD[sites]


STATES = torch.tensor(list(itertools.product([0.0, 1.0], repeat=4)), dtype=torch.float64)
MASS = binary(STATES).softmax(0)
LOG_Z = float(binary(STATES).logsumexp(0))


def place(x: Tensor) -> Tensor:
    """The number of each state."""
    return (x.long() * torch.tensor([8, 4, 2, 1])).sum(1)


def agreement(counts: Tensor, mass: Tensor) -> float:
    """The p-value of counts under a mass."""
    return stats.chisquare(counts.numpy(), (mass * counts.sum()).numpy()).pvalue


def transitions(kernel: Kernel, states: Tensor, number: Callable[[Tensor], Tensor], n: int, seed: int = 0) -> Tensor:
    """How often n chains from each state went to each: a matrix of counts."""
    x = kernel.step(kernel.init(states.repeat_interleave(n, 0)), Noise(seed).tick(0)).x
    went = number(x).reshape(len(states), n)
    return torch.stack([row.bincount(minlength=len(states)) for row in went])
