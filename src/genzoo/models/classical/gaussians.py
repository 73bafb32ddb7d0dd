"""Many Gaussians at once: their densities, and their fit to weighted rows.

K Gaussians are evaluated and fitted together, as matrix products over all of them. With r_ik the weight of row i for
Gaussian k, the weighted likelihood Σ r_ik log N(x_i; μ_k, Σ_k) is highest at

$$ N_k = \\sum_i r_{ik}, \\quad \\mu_k = \\frac{1}{N_k} \\sum_i r_{ik} x_i, \\quad
   \\Sigma_k = \\frac{1}{N_k} \\sum_i r_{ik} (x_i - \\mu_k)(x_i - \\mu_k)^\\top. $$

A covariance has a floor, Σ ⪰ diag(floor), which is a constraint and not an addition: with the floor as the unit,
eigenvalues below one are raised to one, which is the exact maximum under the constraint, so that EM never lowers the
likelihood. Sums are kept in float64 and in a frame where the present Gaussians are standard, so that float32 rows lose
nothing to cancellation.
"""

import abc
import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.linalg import eigh, solve_triangular

from genzoo.core.noise import Noise

__all__ = ["DiagonalGaussians", "FullGaussians", "Gaussians", "TiedGaussians"]

ALL = slice(None)


class Gaussians(nn.Module, abc.ABC):
    """K Gaussians in D dimensions. What is stored is float64; rows are worked on in their own precision.

    `features` are what densities and sums of a block of rows have in common, so that EM makes them once; `part`
    selects some of the Gaussians.

    Args:
        count: K.
        dims: D.

    Example:
        >>> many = FullGaussians(3, 2)
        >>> many.log_density(many.features(torch.zeros(5, 2))).shape
        torch.Size([5, 3])
    """

    means: Tensor
    center: Tensor
    floor: Tensor
    counts: Tensor
    first: Tensor
    second: Tensor

    def __init__(self, count: int, dims: int) -> None:
        super().__init__()
        self.count, self.dims = count, dims
        self.register_buffer("means", torch.randn(count, dims, dtype=torch.float64))
        self.register_buffer("center", torch.zeros(dims, dtype=torch.float64))
        self.register_buffer("floor", torch.full((dims,), 1e-6, dtype=torch.float64))
        self.register_buffer("counts", torch.zeros(count, dtype=torch.float64))
        self.register_buffer("first", torch.zeros(count, dims, dtype=torch.float64))

    @abc.abstractmethod
    def features(self, x: Float[Tensor, "B D"], part: slice = ALL) -> Float[Tensor, "B *features"]:
        """What densities and sums need of some rows."""

    @abc.abstractmethod
    def log_density(self, features: Float[Tensor, "B *features"], part: slice = ALL) -> Float[Tensor, "B K"]:
        """log N(x_i; μ_k, Σ_k) for every row and Gaussian."""

    @abc.abstractmethod
    def accumulate(
        self, features: Float[Tensor, "B *features"], weights: Float[Tensor, "B K"], part: slice = ALL
    ) -> None:
        """Adds weighted rows to the sums; the weights of a row sum to one."""

    @abc.abstractmethod
    def update(self) -> None:
        """Moves means and covariances to the maximum that the sums give."""

    @abc.abstractmethod
    def start(self, means: Float[Tensor, "K D"], covariance: Float[Tensor, "D D"]) -> None:
        """Sets the means, and one covariance for all."""

    @abc.abstractmethod
    def spread(self, which: Int[Tensor, " n"], normal: Float[Tensor, "n D"]) -> Float[Tensor, "n D"]:
        """Standard normal rows with the covariance of each row's Gaussian."""

    def draw(self, which: Int[Tensor, " n"], noise: Noise) -> Float[Tensor, "n D"]:
        """One float64 row from each of the Gaussians named."""
        normal = noise.normal(len(which), self.dims, dtype=torch.float64)
        return self.means[which] + self.spread(which, normal)

    def clear(self) -> None:
        """Empties the sums."""
        for tensor in self.sums():
            tensor.zero_()

    def sums(self) -> list[Tensor]:
        """The buffers that `accumulate` adds to."""
        return [self.counts, self.first, self.second]

    def extra_repr(self) -> str:
        return f"count={self.count}, dims={self.dims}"

    def _shares(self) -> tuple[Tensor, Tensor]:
        """1 / N_k, and which Gaussians have rows at all: those that have none stay where they are."""
        alive = self.counts > 1e-8
        return torch.where(alive, 1 / self.counts.clamp_min(1e-8), 0), alive


class FullGaussians(Gaussians):
    """Gaussians with a covariance each, C Cᵀ by Cholesky; features are the whitened rows z_ik = C_k⁻¹ (x_i − μ_k).

    Example:
        >>> FullGaussians(3, 2)
        FullGaussians(count=3, dims=2)
    """

    scale: Tensor
    whitener: Tensor

    def __init__(self, count: int, dims: int) -> None:
        super().__init__(count, dims)
        eye = torch.eye(dims, dtype=torch.float64).expand(count, dims, dims)
        self.register_buffer("scale", eye.clone())
        self.register_buffer("whitener", eye.clone())
        self.register_buffer("second", torch.zeros_like(eye))

    def features(self, x: Float[Tensor, "B D"], part: slice = ALL) -> Float[Tensor, "B *features"]:
        whitener = self.whitener[part]
        shift = torch.einsum("kij,kj->ki", whitener, self.means[part] - self.center)
        x = x - self.center.to(x.dtype)
        z = torch.addmm(-shift.flatten().to(x.dtype), x, whitener.flatten(0, 1).T.to(x.dtype))
        return z.unflatten(1, (-1, self.dims))

    def log_density(self, features: Float[Tensor, "B *features"], part: slice = ALL) -> Float[Tensor, "B K"]:
        constant = _log_det(self.whitener[part]) - self.dims / 2 * math.log(2 * math.pi)
        return constant.to(features.dtype) - features.square().sum(-1) / 2

    def accumulate(
        self, features: Float[Tensor, "B *features"], weights: Float[Tensor, "B K"], part: slice = ALL
    ) -> None:
        weighted = features * weights.unsqueeze(-1)
        self.counts[part] += weights.sum(0, dtype=torch.float64)
        self.first[part] += weighted.sum(0)
        self.second[part] += features.permute(1, 2, 0) @ weighted.transpose(0, 1)

    def update(self) -> None:
        share, alive = self._shares()
        mean = self.first * share[:, None]
        covariance = self.second * share[:, None, None] - mean.unsqueeze(-1) * mean.unsqueeze(-2)
        self.means += torch.einsum("kij,kj->ki", self.scale, mean)
        covariance = self.scale @ covariance @ self.scale.mT
        self._set(torch.where(alive[:, None, None], covariance, self.scale @ self.scale.mT))

    def start(self, means: Float[Tensor, "K D"], covariance: Float[Tensor, "D D"]) -> None:
        self.means.copy_(means)
        self._set(covariance.expand_as(self.scale))

    def spread(self, which: Int[Tensor, " n"], normal: Float[Tensor, "n D"]) -> Float[Tensor, "n D"]:
        out = torch.empty_like(normal)
        for k in which.unique().tolist():
            rows = which == k
            out[rows] = normal[rows] @ self.scale[k].T
        return out

    def _set(self, covariance: Tensor) -> None:
        _factor(covariance, self.floor, self.scale, self.whitener)


class TiedGaussians(Gaussians):
    """Gaussians that share one covariance, C Cᵀ; features are the rows whitened by it, y_i = C⁻¹ (x_i − center).

    Example:
        >>> TiedGaussians(3, 2)
        TiedGaussians(count=3, dims=2)
    """

    scale: Tensor
    whitener: Tensor

    def __init__(self, count: int, dims: int) -> None:
        super().__init__(count, dims)
        self.register_buffer("scale", torch.eye(dims, dtype=torch.float64))
        self.register_buffer("whitener", torch.eye(dims, dtype=torch.float64))
        self.register_buffer("second", torch.zeros(dims, dims, dtype=torch.float64))

    def features(self, x: Float[Tensor, "B D"], part: slice = ALL) -> Float[Tensor, "B *features"]:
        return (x - self.center) @ self.whitener.T

    def log_density(self, features: Float[Tensor, "B *features"], part: slice = ALL) -> Float[Tensor, "B K"]:
        means = (self.means[part] - self.center) @ self.whitener.T
        squares = features.square().sum(1, keepdim=True) - 2 * features @ means.T + means.square().sum(1)
        return _log_det(self.whitener) - self.dims / 2 * math.log(2 * math.pi) - squares / 2

    def accumulate(
        self, features: Float[Tensor, "B *features"], weights: Float[Tensor, "B K"], part: slice = ALL
    ) -> None:
        self.counts[part] += weights.sum(0)
        self.first[part] += weights.T @ features
        self.second += features.T @ features

    def update(self) -> None:
        share, alive = self._shares()
        mean, total = self.first * share[:, None], self.counts.sum()
        covariance = (self.second - mean.T @ (self.counts[:, None] * mean)) / total
        self.means.copy_(torch.where(alive[:, None], self.center + mean @ self.scale.T, self.means))
        self._set(self.scale @ covariance @ self.scale.T)

    def start(self, means: Float[Tensor, "K D"], covariance: Float[Tensor, "D D"]) -> None:
        self.means.copy_(means)
        self._set(covariance)

    def spread(self, which: Int[Tensor, " n"], normal: Float[Tensor, "n D"]) -> Float[Tensor, "n D"]:
        return normal @ self.scale.T

    def _set(self, covariance: Tensor) -> None:
        _factor(covariance, self.floor, self.scale, self.whitener)


class DiagonalGaussians(Gaussians):
    """Gaussians with independent entries; features are the rows and their squares, about the center.

    Args:
        count: K.
        dims: D.
        spherical: Whether all entries of a Gaussian have one variance.

    Example:
        >>> DiagonalGaussians(3, 2, spherical=True)
        DiagonalGaussians(count=3, dims=2)
    """

    variances: Tensor

    def __init__(self, count: int, dims: int, *, spherical: bool = False) -> None:
        super().__init__(count, dims)
        self.spherical = spherical
        self.register_buffer("variances", torch.ones(count, dims, dtype=torch.float64))
        self.register_buffer("second", torch.zeros(count, dims, dtype=torch.float64))

    def features(self, x: Float[Tensor, "B D"], part: slice = ALL) -> Float[Tensor, "B *features"]:
        x = x - self.center
        return torch.cat([x, x.square()], dim=1)

    def log_density(self, features: Float[Tensor, "B *features"], part: slice = ALL) -> Float[Tensor, "B K"]:
        precisions, means = 1 / self.variances[part], self.means[part] - self.center
        squares = features @ torch.cat([-2 * precisions * means, precisions], dim=1).T
        constant = (precisions * means.square() - precisions.log()).sum(1) + self.dims * math.log(2 * math.pi)
        return -(squares + constant) / 2

    def accumulate(
        self, features: Float[Tensor, "B *features"], weights: Float[Tensor, "B K"], part: slice = ALL
    ) -> None:
        first, second = (weights.T @ features).split(self.dims, dim=1)
        self.counts[part] += weights.sum(0)
        self.first[part] += first
        self.second[part] += second

    def update(self) -> None:
        share, alive = self._shares()
        mean = self.first * share[:, None]
        variances = self.second * share[:, None] - mean.square()
        self.means.copy_(torch.where(alive[:, None], self.center + mean, self.means))
        self._set(torch.where(alive[:, None], variances, self.variances))

    def start(self, means: Float[Tensor, "K D"], covariance: Float[Tensor, "D D"]) -> None:
        self.means.copy_(means)
        self._set(covariance.diagonal().expand_as(self.variances))

    def spread(self, which: Int[Tensor, " n"], normal: Float[Tensor, "n D"]) -> Float[Tensor, "n D"]:
        return self.variances[which].sqrt() * normal

    def _set(self, variances: Tensor) -> None:
        floor = self.floor
        if self.spherical:
            variances, floor = variances.mean(1, keepdim=True), floor.mean()
        self.variances.copy_(torch.maximum(variances, floor))


def _factor(covariance: Tensor, floor: Tensor, scale: Tensor, whitener: Tensor) -> None:
    """Cholesky's C of covariances raised to the floor, and C⁻¹, written into two buffers."""
    unit = floor.sqrt()
    values, vectors = eigh(covariance / unit / unit[:, None])
    raised = (vectors * values.clamp_min(1).unsqueeze(-2)) @ vectors.mT * unit * unit[:, None]
    # Where nothing is below the floor the covariance stays as it is, without the rounding of its eigenvectors.
    scale.copy_(torch.linalg.cholesky(torch.where((values < 1).any(-1)[..., None, None], raised, covariance)))
    whitener.copy_(solve_triangular(scale, torch.eye(len(unit), dtype=scale.dtype, device=scale.device), upper=False))


def _log_det(triangular: Tensor) -> Tensor:
    return triangular.diagonal(dim1=-2, dim2=-1).log().sum(-1)
