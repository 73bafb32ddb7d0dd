"""Many Gaussians at once: their densities, and their fit to weighted rows.

K Gaussians are evaluated and fitted together, as matrix products over all of them. With r_ik the weight of row i for
Gaussian k, the weighted likelihood Σ r_ik log N(x_i; μ_k, Σ_k) is highest at

$$ N_k = \\sum_i r_{ik}, \\quad \\mu_k = \\frac{1}{N_k} \\sum_i r_{ik} x_i, \\quad
   \\Sigma_k = \\frac{1}{N_k} \\sum_i r_{ik} (x_i - \\mu_k)(x_i - \\mu_k)^\\top. $$

A covariance has a floor, Σ ⪰ diag(floor), which is a constraint and not an addition: with the floor as the unit,
eigenvalues below one are raised to one, which is the exact maximum under the constraint, so that EM never lowers the
likelihood. Sums are kept in float64.

Entries that are NaN are missing. Densities are those of what is there, the marginal; the sums get what the present
Gaussian expects of the rest, its conditional mean and covariance, which is EM with the missing entries as latents.
"""

import abc
import math
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from genzoo.core.noise import Noise

__all__ = ["ALL", "FAINT", "DiagonalGaussians", "Gaussians", "Lens", "Sums", "in_precision"]

ALL = slice(None)
Sums = tuple[Tensor, Tensor, Tensor]
F = TypeVar("F", Tensor, tuple[Tensor, ...])

FAINT = -40.0  # the logarithm of a responsibility that sums in float64 would not notice
# Squares of rows in units of the narrowest Gaussian that a precision holds, with four digits left (nine in float64).
LARGEST = {torch.float32: 2e3, torch.float64: 1e6}


class Lens(abc.ABC, Generic[F]):
    """Rows as some Gaussians see them, with the parameters that they have now.

    What densities and sums of some rows have in common are their features, so that EM makes them once.
    """

    @abc.abstractmethod
    def features(self, x: Float[Tensor, "B D"]) -> F:
        """What densities and sums need of some rows."""

    @abc.abstractmethod
    def log_density(self, features: F) -> Float[Tensor, "B K"]:
        """log N(x_i; μ_k, Σ_k) of what is there of each row, for every Gaussian."""

    @abc.abstractmethod
    def sums(self, features: F, weights: Float[Tensor, "B K"]) -> Sums:
        """The weighted counts, first and second moments, in float64 and in the frame of the Gaussians."""


class Gaussians(nn.Module, abc.ABC):
    """K Gaussians in D dimensions. What is stored is float64; rows are worked on in their own precision.

    `part` selects some of the Gaussians.

    Args:
        count: K.
        dims: D.

    Example:
        >>> many = DiagonalGaussians(3, 2)
        >>> many.log_density(torch.zeros(5, 2)).shape
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
        self.lenses: dict[object, Lens[Any]] = {}

    @abc.abstractmethod
    def new_lens(self, part: slice, dtype: torch.dtype, lacking: bool) -> Lens[Any]:
        """A lens for rows of a precision, of which some entries are lacking or none."""

    @abc.abstractmethod
    def update(self) -> None:
        """Moves means and covariances to the maximum that the sums give."""

    @abc.abstractmethod
    def start(self, means: Float[Tensor, "K D"], covariance: Float[Tensor, "D D"]) -> None:
        """Sets the means, and one covariance for all."""

    @abc.abstractmethod
    def spread(self, which: Int[Tensor, " n"], normal: Float[Tensor, "n D"]) -> Float[Tensor, "n D"]:
        """Standard normal rows with the covariance of each row's Gaussian."""

    @abc.abstractmethod
    def log_dets(self) -> Float[Tensor, " K"]:
        """log |Σ_k|."""

    @abc.abstractmethod
    def width(self, count: int, lacking: bool) -> int:
        """How many numbers a lens on so many of the Gaussians makes of a row."""

    @abc.abstractmethod
    def covariances(self, which: Int[Tensor, " n"]) -> Float[Tensor, "n D D"]:
        """Σ of the Gaussians named."""

    @abc.abstractmethod
    def deviations(self) -> Float[Tensor, "K D"]:
        """The standard deviation of each entry by itself."""

    @abc.abstractmethod
    def roots(self) -> Sequence[tuple[slice, Tensor]]:
        """Which Gaussians share a covariance, with a root L of it, Σ = L Lᵀ; a vector, where it is diagonal."""

    @property
    @abc.abstractmethod
    def freedom(self) -> int:
        """The number of free parameters of all means and covariances."""

    def lens(self, part: slice, dtype: torch.dtype, lacking: bool) -> Lens[Any]:
        """The lens for such rows in this pass, made once."""
        key = (part.start, part.stop, dtype, lacking)
        if key not in self.lenses:
            self.lenses[key] = self.new_lens(part, dtype, lacking)
        return self.lenses[key]

    def log_density(self, x: Float[Tensor, "B D"], part: slice = ALL) -> Float[Tensor, "B K"]:
        """log N(x_i; μ_k, Σ_k) for every row, complete or not, and every Gaussian."""
        lens = self.new_lens(part, x.dtype, bool(x.isnan().any()))
        return lens.log_density(lens.features(x))

    def accumulate(self, x: Float[Tensor, "B D"], weights: Float[Tensor, "B K"]) -> None:
        """Adds weighted rows to the sums; the weights of a row sum to one."""
        lens = self.lens(ALL, x.dtype, bool(x.isnan().any()))
        self.add(lens.sums(lens.features(x), weights))

    def add(self, sums: Sums, part: slice = ALL) -> None:
        """Adds what a lens has summed."""
        counts, first, second = sums
        self.counts[part] += counts
        self.first[part] += first
        self.second[part] += second

    def draw(self, which: Int[Tensor, " n"], noise: Noise) -> Float[Tensor, "n D"]:
        """One float64 row from each of the Gaussians named."""
        normal = noise.normal(len(which), self.dims, dtype=torch.float64)
        return self.means[which] + self.spread(which, normal)

    def without_noise(self, which: Int[Tensor, " n"], x: Float[Tensor, "n D"]) -> Float[Tensor, "n D"]:
        """Rows drawn from the Gaussians named, less what each entry has by itself: nothing, unless a rank says so."""
        return x

    def clear(self) -> None:
        """Empties the sums, and looks at the parameters anew."""
        self.lenses.clear()
        for tensor in self.sums():
            tensor.zero_()

    def sums(self) -> list[Tensor]:
        """The buffers that `add` adds to."""
        return [self.counts, self.first, self.second]

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "Gaussians":
        self.lenses.clear()  # they stay where they were made
        return super()._apply(fn, recurse)

    def extra_repr(self) -> str:
        return f"count={self.count}, dims={self.dims}"

    def shares(self) -> tuple[Tensor, Tensor]:
        """1 / N_k, and which Gaussians have rows at all: those that have none stay where they are."""
        alive = self.counts > 1e-8
        return torch.where(alive, 1 / self.counts.clamp_min(1e-8), 0), alive


class DiagonalGaussians(Gaussians):
    """Gaussians with independent entries.

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

    def new_lens(self, part: slice, dtype: torch.dtype, lacking: bool) -> Lens[Any]:
        means, variances = self.means[part] - self.center, self.variances[part]
        size = ((variances + means.square()).mean(0) / variances).amax()
        return _Separate(self.center, means, variances, in_precision(dtype, size), lacking)

    def update(self) -> None:
        share, alive = self.shares()
        mean = self.first * share[:, None]
        variances = self.second * share[:, None] - mean.square()
        self.means.copy_(torch.where(alive[:, None], self.center + mean, self.means))
        self._set(torch.where(alive[:, None], variances, self.variances))

    def start(self, means: Float[Tensor, "K D"], covariance: Float[Tensor, "D D"]) -> None:
        self.means.copy_(means)
        self._set(covariance.diagonal().expand_as(self.variances))

    def spread(self, which: Int[Tensor, " n"], normal: Float[Tensor, "n D"]) -> Float[Tensor, "n D"]:
        return self.variances[which].sqrt() * normal

    def log_dets(self) -> Float[Tensor, " K"]:
        return self.variances.log().sum(1)

    def covariances(self, which: Int[Tensor, " n"]) -> Float[Tensor, "n D D"]:
        return torch.diag_embed(self.variances[which])

    def deviations(self) -> Float[Tensor, "K D"]:
        return self.variances.sqrt()

    def roots(self) -> Sequence[tuple[slice, Tensor]]:
        return [(slice(k, k + 1), deviations) for k, deviations in enumerate(self.deviations())]

    def width(self, count: int, lacking: bool) -> int:
        return count + (3 if lacking else 2) * self.dims

    @property
    def freedom(self) -> int:
        return self.count * (self.dims + (1 if self.spherical else self.dims))

    def _set(self, variances: Tensor) -> None:
        floor = self.floor
        if self.spherical:
            variances, floor = variances.mean(1, keepdim=True), floor.mean()
        self.variances.copy_(torch.maximum(variances, floor))
        self.lenses.clear()


class _Separate(Lens[Tensor]):
    """Features are the entries about the center and their squares, and where some lack, which are there."""

    def __init__(self, center: Tensor, means: Tensor, variances: Tensor, dtype: torch.dtype, lacking: bool) -> None:
        self.center, self.means, self.variances, self.dtype = center.to(dtype), means, variances, dtype
        constant = -(means.square() / variances + variances.log() + math.log(2 * math.pi)) / 2
        parts = [means / variances, -1 / (2 * variances)]
        self.constant = None if lacking else constant.sum(1).to(dtype)
        self.slopes = torch.cat([*parts, constant] if lacking else parts, dim=1).T.to(dtype)

    def features(self, x: Float[Tensor, "B D"]) -> Float[Tensor, "B features"]:
        x = x.to(self.dtype) - self.center
        if self.constant is not None:
            return torch.cat([x, x.square()], dim=1)
        there = ~x.isnan()
        x = torch.where(there, x, 0)
        return torch.cat([x, x.square(), there.to(x.dtype)], dim=1)

    def log_density(self, features: Float[Tensor, "B features"]) -> Float[Tensor, "B K"]:
        return features @ self.slopes if self.constant is None else features @ self.slopes + self.constant

    def sums(self, features: Float[Tensor, "B features"], weights: Float[Tensor, "B K"]) -> Sums:
        weights = weights.to(self.dtype)
        counts = weights.sum(0, dtype=torch.float64)
        first, second, *there = (weights.T @ features).double().split(self.means.shape[1], dim=1)
        if there:
            lacks = counts[:, None] - there[0]
            first, second = first + lacks * self.means, second + lacks * (self.means.square() + self.variances)
        return counts, first, second


def in_precision(dtype: torch.dtype, size: Tensor) -> torch.dtype:
    """The precision in which squares may be summed: the rows' own, or float64 where that would lose too much.

    Args:
        dtype: The precision of the rows.
        size: The mean square of the rows in units of the narrowest Gaussian.

    Example:
        >>> in_precision(torch.float32, torch.tensor(10.0)), in_precision(torch.float32, torch.tensor(1e5))
        (torch.float32, torch.float64)
    """
    return dtype if size < LARGEST.get(dtype, 0.0) else torch.float64
