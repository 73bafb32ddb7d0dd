"""A mixture of Gaussians that is denoised without error: what a diffusion trained for ever would be."""

import math

import torch
from torch import Tensor

from genzoo.core import NOTHING, Denoiser, Given, Noise, Space
from genzoo.distributions import directions, sliced_wasserstein
from genzoo.distributions.levels import Numbers
from genzoo.models.classical import GaussianMixture
from genzoo.models.diffusion import Cosine, Schedule
from genzoo.tasks.inverse import Gaussian, Linear, Measurement, Posterior


class Known(GaussianMixture):
    """A mixture that denoises."""

    schedule: Schedule = Cosine()

    def abilities(self) -> list:
        return [*super().abilities(), Told(self)]


class Told(Denoiser):
    """E[x | x_t] of a mixture, each component in the basis of its covariance."""

    def __init__(self, mixture: Known) -> None:
        self.schedule, self.shape = mixture.schedule, mixture.space.shape
        self.numbers = Numbers(mixture.space, torch.float64)
        self.means, self.log_w = mixture.gaussians.means, mixture.weights.flatten().log()
        values, self.vectors = torch.linalg.eigh(mixture.gaussians.covariances(torch.arange(len(self.means))))
        self.values = values.clamp_min(1e-12)

    def denoise(self, x_t: Tensor, t: Tensor, given: Given = NOTHING) -> Tensor:
        alpha, sigma = (part.reshape(-1, 1, 1) for part in self.schedule(t.double()))
        off = torch.einsum("bkd,kde->bke", x_t[:, None] - alpha * self.means, self.vectors)
        variance = alpha.square() * self.values + sigma.square()
        log_p = self.log_w - (off.square() / variance + variance.log()).sum(2) / 2
        each = self.means + torch.einsum("bke,kde->bkd", alpha * self.values / variance * off, self.vectors)
        return (log_p.softmax(1)[:, :, None] * each).sum(1)

    def start(self, n: int, noise: Noise) -> Tensor:
        return noise.normal(n, *self.shape, dtype=torch.float64)


def mixture_of(modes: int, dims: int = 8, seed: int = 0) -> Known:
    """Modes of about unit variance together, or one Gaussian."""
    model, noise = Known(Space((dims,)), components=modes, covariance="full"), Noise(seed, "oracle")
    means = noise.at("means").normal(modes, dims, dtype=torch.float64)
    roots = noise.at("roots").normal(modes, dims, dims, dtype=torch.float64) / math.sqrt(dims)
    model.gaussians.means.copy_(means if modes > 1 else 0.5 * means)
    covariances = (0.05 if modes > 1 else 1.0) * (roots @ roots.mT + 0.1 * torch.eye(dims))
    model.gaussians.scale.copy_(torch.linalg.cholesky(covariances))
    model.weights.copy_(torch.full((1, modes), 1 / modes))
    return model.double()


class Matrix(Linear):
    """Any matrix."""

    def __init__(self, matrix: Tensor) -> None:
        super().__init__((matrix.shape[1],), (matrix.shape[0],))
        self.register_buffer("a", matrix)

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.a.T.to(x)


def question(model: GaussianMixture, m: int = 3, sigma: float = 0.3, seed: int = 1) -> Measurement:
    """One measurement of a row of the model by a random matrix."""
    noise, dims = Noise(seed, "question"), model.space.dims
    matrix = Matrix(noise.at("matrix").normal(m, dims, dtype=torch.float64) / math.sqrt(dims))
    x = model.sample(1, seed=seed).double()
    return Measurement(matrix, matrix(x) + sigma * noise.at("y").normal(1, m, dtype=torch.float64), Gaussian(sigma))


def away(found: Posterior, exact: Posterior) -> float:
    """The sliced W2 distance between draws of the first measurement."""
    lines = directions(256, found.x[0, 0].numel(), Noise(9)).double()
    return sliced_wasserstein(found.x[:, 0].flatten(1).double(), exact.x[:, 0].flatten(1).double(), lines)
