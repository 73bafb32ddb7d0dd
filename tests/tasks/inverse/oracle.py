"""A mixture of Gaussians that is denoised without error: what a diffusion trained for ever would be."""

import math
from typing import Any

import torch
from torch import Tensor

from genzoo.core import NOTHING, Batch, Denoiser, GenerativeModel, Given, Noise, Space
from genzoo.distributions import directions, sliced_wasserstein
from genzoo.distributions.levels import Numbers
from genzoo.models.abilities import NormalLatent
from genzoo.models.classical import Gaussian as OneGaussian
from genzoo.models.classical import GaussianMixture
from genzoo.models.diffusion import Cosine, Schedule
from genzoo.tasks.inverse import Gaussian, Linear, Measurement, Posterior, as_numbers
from genzoo.tasks.inverse.closed import states


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
    model.gaussians.whitener.copy_(torch.linalg.inv(model.gaussians.scale))
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


class Pushed(OneGaussian):
    """A Gaussian with its latent, x = μ + L z: what a flow of one linear map is."""

    def abilities(self) -> list:
        scale, mean = self.gaussians.scale[0], self.gaussians.means[0]
        latent = NormalLatent(
            Space((4,)), Numbers(self.space, torch.float64), lambda z, given: mean + z @ scale.T, torch.float64
        )
        return [*super().abilities(), latent]


def gaussian_rows(model: Any) -> tuple[Any, Tensor]:
    """A model fitted to correlated rows of four numbers."""
    x = Noise(0).normal(300, 4, dtype=torch.float64) @ Noise(1).normal(4, 4, dtype=torch.float64)
    model.prepare([Batch(x)])
    model.begin()
    model.accumulate(Batch(x))
    model.finish()
    return model, x


def total_variation(found: Posterior, exact: Tensor, model: GenerativeModel) -> float:
    """Half the sum of |p − q| over all states, p by its draws and q by the model."""
    place = {tuple(row): k for k, row in enumerate(states(model).flatten(1).tolist())}
    count = torch.zeros(len(place), dtype=torch.float64)
    for row in found.x[:, 0].flatten(1).tolist():
        count[place[tuple(row)]] += 1
    return (count / count.sum() - exact).abs().sum().item() / 2


def shares(model: GenerativeModel, seen: Measurement) -> Tensor:
    """p(x | y) of all states."""
    x = states(model)
    with torch.no_grad():
        log_p = model.log_prob(x).double()
    here = torch.zeros(len(x), dtype=torch.int64)
    return (log_p + seen.rows(here).log_prob(as_numbers(model.space, x, torch.float64))).softmax(0)
