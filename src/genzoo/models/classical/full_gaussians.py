"""Gaussians whose entries depend on each other: a covariance each, one for all, or one of low rank.

For many Gaussians in few dimensions, log-densities of all are one matrix product of second-order features against
natural parameters, and the sums of EM another one of weights against the same features,

$$ \\log N(x; \\mu, \\Sigma) = \\theta_0 + \\Sigma^{-1}\\mu \\cdot x - \\tfrac12 \\Sigma^{-1} \\cdot x x^\\top,
   \\qquad \\phi(x) = (1, x, \\{x_i x_j\\}_{i \\le j}), $$

which counts x_i x_j once where whitening each row by each Gaussian counts it twice. Squares cancel where a Gaussian is
far from the center and narrow; rows are taken in a frame where the whole is standard, and in more digits or whitened
where that is not enough.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.linalg import cholesky, eigh, solve_triangular

from genzoo.models.classical.gaussians import ALL, FAINT, LARGEST, Gaussians, Lens, Sums, in_precision

__all__ = ["FullGaussians", "TiedGaussians"]

FEW = 0.3  # the share of weights below which rows are looked up
MANY, MOST_DIMS = 2.7, 20  # second-order features save more than they cost while D < MANY K and D < MOST_DIMS


class FullGaussians(Gaussians):
    """Gaussians with a covariance each, C Cᵀ by Cholesky; sums are of the whitened rows z_ik = C_k⁻¹ (x_i − μ_k).

    With a rank q < D, Σ = W Wᵀ + σ² 1 with a D × q matrix W: the q largest eigenvalues of the weighted covariance
    stay, and the others become their mean, which is the maximum of the likelihood.

    Args:
        count: K.
        dims: D.
        rank: q; all of them by default.

    Example:
        >>> FullGaussians(3, 2)
        FullGaussians(count=3, dims=2)

    References:
        Tipping & Bishop, 1999, "Mixtures of probabilistic principal component analyzers" (low rank)
    """

    scale: Tensor
    whitener: Tensor

    def __init__(self, count: int, dims: int, *, rank: int | None = None) -> None:
        super().__init__(count, dims)
        self.rank, self.found = rank, dict[int, tuple[tuple[int, int], Tensor, Tensor]]()
        eye = torch.eye(dims, dtype=torch.float64).expand(count, dims, dims)
        self.register_buffer("scale", eye.clone())
        self.register_buffer("whitener", eye.clone())
        self.register_buffer("second", torch.zeros_like(eye))

    def new_lens(self, part: slice, dtype: torch.dtype, lacking: bool) -> Lens[Any]:
        means, scale, whitener = self.means[part] - self.center, self.scale[part], self.whitener[part]
        if lacking:
            return _Partial(self.center, means, scale)
        if self._in_products(len(means)):
            found = _Products(self.center, means, scale, whitener, dtype)
            dear = found.dtype != dtype and not self._in_products(len(means) // 2)
            if found.size < LARGEST[torch.float64] and not dear:
                return found
        return _Whitened(self.center, means, whitener, dtype)

    def update(self) -> None:
        share, alive = self.shares()
        mean = self.first * share[:, None]
        covariance = self.second * share[:, None, None] - mean.unsqueeze(-1) * mean.unsqueeze(-2)
        self.means += torch.einsum("kij,kj->ki", self.scale, mean)
        covariance = self.scale @ covariance @ self.scale.mT
        self._set(torch.where(alive[:, None, None], covariance, self.scale @ self.scale.mT))

    def start(self, means: Float[Tensor, "K D"], covariance: Float[Tensor, "D D"]) -> None:
        self.means.copy_(means)
        self._set(covariance.expand_as(self.scale))

    def spread(self, which: Int[Tensor, " n"], normal: Float[Tensor, "n D"]) -> Float[Tensor, "n D"]:
        if torch.compiler.is_exporting():
            return (self.scale[which] @ normal.unsqueeze(-1)).squeeze(-1)
        out = torch.empty_like(normal)
        for k in which.unique().tolist():
            rows = which == k
            out[rows] = normal[rows] @ self.scale[k].T
        return out

    def without_noise(self, which: Int[Tensor, " n"], x: Float[Tensor, "n D"]) -> Float[Tensor, "n D"]:
        """With a rank, so that their covariance is W Wᵀ; otherwise the rows as they are,

        $$ \\mu + V (1 - \\sigma^2 \\Lambda^{-1})^{1/2} V^\\top (x - \\mu), $$

        with the q largest eigenvalues Λ of Σ and their vectors V.
        """
        if self.rank is None:
            return x
        out = torch.empty_like(x)
        for k in which.unique().tolist():
            rows, (vectors, kept) = which == k, self._directions(k)
            out[rows] = self.means[k] + (x[rows] - self.means[k]) @ vectors * kept @ vectors.T
        return out

    def log_dets(self) -> Float[Tensor, " K"]:
        return 2 * _log_det(self.scale)

    def covariances(self, which: Int[Tensor, " n"]) -> Float[Tensor, "n D D"]:
        scale = self.scale[which]
        return scale @ scale.mT

    def deviations(self) -> Float[Tensor, "K D"]:
        return self.scale.square().sum(2).sqrt()

    def roots(self) -> Sequence[tuple[slice, Tensor]]:
        return [(slice(k, k + 1), scale) for k, scale in enumerate(self.scale)]

    def width(self, count: int, lacking: bool) -> int:
        if lacking:
            return count * self.dims**2
        return count + self.dims * (self.dims + 3) // 2 if self._in_products(count) else count * self.dims // 2

    @property
    def freedom(self) -> int:
        d, q = self.dims, self.rank
        matrix = d * (d + 1) // 2 if q is None else d * q - q * (q - 1) // 2 + 1
        return self.count * (d + matrix)

    def _directions(self, k: int) -> tuple[Tensor, Tensor]:
        """The q directions of a Gaussian, and the share of a row's deviation in each that is no noise."""
        now = (self.scale.data_ptr(), self.scale._version)  # weights may be loaded between two draws
        if self.found.get(k, (None,))[0] != now:
            values, vectors = torch.linalg.eigh(self.scale[k] @ self.scale[k].T)
            free = self.dims - (self.rank or 0)
            kept = (1 - values[:free].mean() / values[free:]).clamp_min(0).sqrt()
            self.found[k] = (now, vectors[:, free:], kept)
        return self.found[k][1:]

    def _in_products(self, count: int) -> bool:
        """Whether second-order features cost less than to whiten each row by each of so many Gaussians."""
        return self.dims < min(MANY * count, MOST_DIMS)

    def _set(self, covariance: Tensor) -> None:
        floor = self.floor
        if self.rank is not None:
            covariance = _of_rank(covariance, self.rank, floor.mean())
            floor = 0.999 * floor.mean().expand_as(floor)  # which is kept already
        _factor(covariance, floor, self.scale, self.whitener)
        self.lenses.clear()


class TiedGaussians(Gaussians):
    """Gaussians that share one covariance, C Cᵀ; sums are of the rows whitened by it, y_i = C⁻¹ (x_i − center).

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

    def new_lens(self, part: slice, dtype: torch.dtype, lacking: bool) -> Lens[Any]:
        means = self.means[part] - self.center
        if lacking:
            return _PartialTied(self.center, means, self.scale.unsqueeze(0))
        means = means @ self.whitener.T
        dtype = in_precision(dtype, means.square().sum(1).amax())
        return _Tied(self.center, means, self.whitener, dtype)

    def add(self, sums: Sums, part: slice = ALL) -> None:
        counts, first, second = sums
        self.counts[part] += counts
        self.first[part] += first
        self.second += second

    def update(self) -> None:
        share, alive = self.shares()
        mean, total = self.first * share[:, None], self.counts.sum()
        covariance = (self.second - mean.T @ (self.counts[:, None] * mean)) / total
        self.means.copy_(torch.where(alive[:, None], self.center + mean @ self.scale.T, self.means))
        self._set(self.scale @ covariance @ self.scale.T)

    def start(self, means: Float[Tensor, "K D"], covariance: Float[Tensor, "D D"]) -> None:
        self.means.copy_(means)
        self._set(covariance)

    def spread(self, which: Int[Tensor, " n"], normal: Float[Tensor, "n D"]) -> Float[Tensor, "n D"]:
        return normal @ self.scale.T

    def log_dets(self) -> Float[Tensor, " K"]:
        return 2 * _log_det(self.scale).expand(self.count)

    def covariances(self, which: Int[Tensor, " n"]) -> Float[Tensor, "n D D"]:
        return (self.scale @ self.scale.T).expand(len(which), -1, -1)

    def deviations(self) -> Float[Tensor, "K D"]:
        return self.scale.square().sum(1).sqrt().expand(self.count, -1)

    def roots(self) -> Sequence[tuple[slice, Tensor]]:
        return [(slice(0, self.count), self.scale)]

    def width(self, count: int, lacking: bool) -> int:
        return count * self.dims**2 if lacking else count + self.dims

    @property
    def freedom(self) -> int:
        return self.count * self.dims + self.dims * (self.dims + 1) // 2

    def _set(self, covariance: Tensor) -> None:
        _factor(covariance, self.floor, self.scale, self.whitener)
        self.lenses.clear()


class _Products(Lens[Tensor]):
    """Second-order features, (1, y, y_i y_j) in columns, of rows y in a frame where the whole is standard."""

    def __init__(self, center: Tensor, means: Tensor, scale: Tensor, whitener: Tensor, dtype: torch.dtype) -> None:
        whole = (scale @ scale.mT + means.unsqueeze(-1) * means.unsqueeze(-2)).mean(0)
        eye = torch.eye(len(whole), dtype=whole.dtype, device=whole.device)
        self.back = cholesky(whole)
        self.into = solve_triangular(self.back, eye, upper=False)
        means = means @ self.into.T
        precisions = (whitener @ self.back).mT @ (whitener @ self.back)
        self.size = precisions.flatten(1).norm(dim=1).max()  # as squares of standard rows are
        self.dtype = in_precision(dtype, self.size)
        slopes = torch.einsum("kij,kj->ki", precisions, means)
        constant = _log_det(whitener) - (slopes * means).sum(1) / 2 - len(whole) / 2 * math.log(2 * math.pi)
        self.i, self.j = torch.triu_indices(len(whole), len(whole), device=whole.device)
        curvatures = -precisions[:, self.i, self.j] / (1 + (self.i == self.j))
        self.theta = torch.cat([constant[:, None], slopes, curvatures], dim=1).to(self.dtype)
        self.shift = center.to(dtype)
        self.linear = self.into.to(self.dtype)
        self.means, self.to_unit = means, whitener @ self.back

    def features(self, x: Float[Tensor, "B D"]) -> Float[Tensor, "features B"]:
        y = self.linear @ (x - self.shift).T.to(self.dtype)
        dims, last = len(y), 1 + len(y)
        if y.requires_grad:  # for a score
            return torch.cat([torch.ones_like(y[:1]), y, *(y[i:] * y[i] for i in range(dims))])
        out = y.new_empty(self.theta.shape[1], y.shape[1])
        out[0] = 1
        out[1:last] = y
        for i in range(dims):  # x_i x_j for all j ≥ i, a multiplication of whole rows
            torch.mul(y[i:], y[i], out=out[last : last + dims - i])
            last += dims - i
        return out

    def log_density(self, features: Float[Tensor, "features B"]) -> Float[Tensor, "B K"]:
        return (self.theta @ features).T

    def sums(self, features: Float[Tensor, "features B"], weights: Float[Tensor, "B K"]) -> Sums:
        dims = len(self.into)
        counts, first, square = (weights.T.to(self.dtype) @ features.T).double().split([1, dims, len(self.i)], dim=1)
        second = square.new_empty(len(square), dims, dims)
        second[:, self.i, self.j] = second[:, self.j, self.i] = square
        # About each mean, then in each Gaussian's own frame.
        first_about = first - counts * self.means
        cross = first.unsqueeze(-1) * self.means.unsqueeze(-2)
        second += counts.unsqueeze(-1) * self.means.unsqueeze(-1) * self.means.unsqueeze(-2) - cross - cross.mT
        unit = self.to_unit
        return counts.squeeze(1), torch.einsum("kij,kj->ki", unit, first_about), unit @ second @ unit.mT


class _Whitened(Lens[Tensor]):
    """Features are the whitened rows z_ik = C_k⁻¹ (x_i − μ_k), with i last, as what follows goes along rows."""

    def __init__(self, center: Tensor, means: Tensor, whitener: Tensor, dtype: torch.dtype) -> None:
        self.center, self.dims = center.to(dtype), len(center)
        self.shift = -torch.einsum("kij,kj->ki", whitener, means).flatten()[:, None].to(dtype)
        self.matrix = whitener.flatten(0, 1).to(dtype)
        self.constant = (_log_det(whitener) - self.dims / 2 * math.log(2 * math.pi))[:, None].to(dtype)
        self.room = self.matrix.new_empty(0)  # new memory for each block would cost as much as the block

    def features(self, x: Float[Tensor, "B D"]) -> Float[Tensor, "K D B"]:
        y = (x - self.center).T
        out = None if y.requires_grad else self._rooms(len(x))[0]
        return torch.addmm(self.shift, self.matrix, y, out=out).unflatten(0, (-1, self.dims))

    def log_density(self, features: Float[Tensor, "K D B"]) -> Float[Tensor, "B K"]:
        if features.requires_grad:
            squares = features.square()
        else:
            squares = torch.mul(features, features, out=self._rooms(features.shape[2])[1].view_as(features))
        return (self.constant - squares.sum(1) / 2).T

    def sums(self, features: Float[Tensor, "K D B"], weights: Float[Tensor, "B K"]) -> Sums:
        counts, weights = weights.sum(0, dtype=torch.float64), weights.T
        heavy = weights > math.exp(FAINT)
        if heavy.sum() < FEW * heavy.numel():
            return counts, *self._sums_of(features, weights, heavy)
        room = self._rooms(weights.shape[1])[1].view_as(features)
        weighted = torch.mul(features, weights.unsqueeze(1), out=room)
        return counts, weighted.sum(2).double(), (features @ weighted.mT).double()

    def _sums_of(self, features: Tensor, weights: Tensor, heavy: Tensor) -> tuple[Tensor, Tensor]:
        """The moments from each Gaussian's own rows alone, where the others' weights are too small to be noticed."""
        first, second = features.new_empty(features.shape[:2]), features.new_empty(len(features), self.dims, self.dims)
        for k, rows in enumerate(heavy.nonzero()[:, 1].split(heavy.sum(1).tolist())):
            own = features[k].index_select(1, rows)
            weighted = own * weights[k].index_select(0, rows)
            torch.sum(weighted, 1, out=first[k])
            torch.mm(weighted, own.T, out=second[k])
        return first.double(), second.double()

    def _rooms(self, rows: int) -> tuple[Tensor, Tensor]:
        """Where features of so many rows go, and what is made of them."""
        size = len(self.matrix) * rows
        if self.room.numel() < 2 * size:
            self.room = self.room.new_empty(2 * size)
        return self.room[:size].view(-1, rows), self.room[size : 2 * size].view(-1, rows)


class _Tied(Lens[Tensor]):
    """Features are the rows whitened by the one covariance."""

    def __init__(self, center: Tensor, means: Tensor, whitener: Tensor, dtype: torch.dtype) -> None:
        self.center, self.matrix, self.means = center.to(dtype), whitener.T.to(dtype), means.to(dtype)
        constant = _log_det(whitener) - means.shape[1] / 2 * math.log(2 * math.pi) - means.square().sum(1) / 2
        self.constant = constant.to(dtype)

    def features(self, x: Float[Tensor, "B D"]) -> Float[Tensor, "B D"]:
        return (x.to(self.center.dtype) - self.center) @ self.matrix

    def log_density(self, features: Float[Tensor, "B D"]) -> Float[Tensor, "B K"]:
        return self.constant - features.square().sum(1, keepdim=True) / 2 + features @ self.means.T

    def sums(self, features: Float[Tensor, "B D"], weights: Float[Tensor, "B K"]) -> Sums:
        weights = weights.to(features.dtype)
        counts = weights.sum(0, dtype=torch.float64)
        return counts, (weights.T @ features).double(), (features.T @ features).double()


class _Partial(Lens[tuple[Tensor, ...]]):
    """Rows of which some entries lack, by the pattern of what is there.

    With C_o the rows of C that are there, the marginal has covariance C_o C_oᵀ, and what is there says about the
    whitened row that its mean is z = C_oᵀ (C_o C_oᵀ)⁻¹ (x_o − μ_o) and its covariance 1 − G, with
    G = C_oᵀ (C_o C_oᵀ)⁻¹ C_o the projector onto what is seen. Then |z|² is Mahalanobis' distance of x_o.
    """

    def __init__(self, center: Tensor, means: Tensor, scale: Tensor) -> None:
        self.center, self.means, self.scale = center, means, scale

    def features(self, x: Float[Tensor, "B D"]) -> tuple[Tensor, ...]:
        there = ~x.isnan()
        patterns, of_row = there.unique(dim=0, return_inverse=True)
        mask = patterns[:, None, :].double()  # P 1 D
        seen = mask.unsqueeze(-1) * self.scale  # P K D D: C with zeros for the rows that lack
        factor = cholesky(seen @ seen.mT + torch.diag_embed(1 - mask))
        half = solve_triangular(factor, seen, upper=False)
        to_unit = solve_triangular(factor.mT, half, upper=True).mT
        residual = torch.where(there[:, None], x.double()[:, None] - self.center - self.means, 0)
        z = (to_unit[of_row] @ residual.unsqueeze(-1)).squeeze(-1)
        return z, of_row, half.mT @ half, 2 * _log_det(factor) + math.log(2 * math.pi) * mask.sum(-1)

    def log_density(self, features: tuple[Tensor, ...]) -> Float[Tensor, "B K"]:
        z, of_row, _, constant = features
        return -(z.square().sum(-1) + constant[of_row]) / 2

    def sums(self, features: tuple[Tensor, ...], weights: Float[Tensor, "B K"]) -> Sums:
        z, of_row, seen, _ = features
        weights = weights.double()
        weighted = z * weights.unsqueeze(-1)
        in_pattern = weights.new_zeros(len(seen), weights.shape[1]).index_add_(0, of_row, weights)
        unseen = torch.eye(z.shape[-1], dtype=z.dtype, device=z.device) - seen
        second = z.permute(1, 2, 0) @ weighted.transpose(0, 1)
        second = second + (in_pattern[:, :, None, None] * unseen).sum(0)
        return weights.sum(0), weighted.sum(0), second


class _PartialTied(_Partial):
    """The same about the center, with one covariance for all."""

    def sums(self, features: tuple[Tensor, ...], weights: Float[Tensor, "B K"]) -> Sums:
        counts, first, second = super().sums(features, weights)
        off = solve_triangular(self.scale[0], self.means.T, upper=False).T
        cross = first.T @ off
        second = second.sum(0) + cross + cross.T + off.T @ (counts[:, None] * off)
        return counts, first + counts[:, None] * off, second


def _of_rank(covariance: Tensor, rank: int, floor: Tensor) -> Tensor:
    """The covariance of a rank plus one variance for all, of maximal likelihood."""
    values, vectors = eigh(covariance)  # in ascending order
    noise = values[..., : values.shape[-1] - rank].mean(-1, keepdim=True).clamp_min(floor)
    rest = torch.arange(values.shape[-1], device=values.device) < values.shape[-1] - rank
    values = torch.where(rest, noise, torch.maximum(values, noise))
    return (vectors * values.unsqueeze(-2)) @ vectors.mT


def _factor(covariance: Tensor, floor: Tensor, scale: Tensor, whitener: Tensor) -> None:
    """Cholesky's C of covariances raised to the floor, and C⁻¹, written into two buffers."""
    eye = torch.eye(len(floor), dtype=scale.dtype, device=scale.device)
    if (torch.linalg.cholesky_ex(covariance - floor * eye).info > 0).any():
        unit = floor.sqrt()
        values, vectors = eigh(covariance / unit / unit[:, None])
        raised = (vectors * values.clamp_min(1).unsqueeze(-2)) @ vectors.mT * unit * unit[:, None]
        # Where nothing is below the floor the covariance stays as it is, without the rounding of its eigenvectors.
        covariance = torch.where((values < 1).any(-1)[..., None, None], raised, covariance)
    scale.copy_(cholesky(covariance))
    whitener.copy_(solve_triangular(scale, eye, upper=False))


def _log_det(triangular: Tensor) -> Tensor:
    return triangular.diagonal(dim1=-2, dim2=-1).log().sum(-1)
