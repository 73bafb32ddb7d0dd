"""Mixtures of Gaussians of which a linear measurement is known, in closed form.

$$ x \\sim \\sum_k w_k N(\\mu_k, C_k), \\quad y = A x + \\varepsilon, \\quad \\varepsilon \\sim N(0, R) \\qquad
   \\Rightarrow \\qquad p(y) = \\sum_k w_k N(y; A \\mu_k, S_k), \\quad S_k = A C_k A^\\top + R, $$

and x given y is a mixture again, with weights $w_k N(y; A \\mu_k, S_k)$, means $\\mu_k + G_k (y - A \\mu_k)$ and
covariances $C_k - G_k A C_k$, $G_k = C_k A^\\top S_k^{-1}$. Draws are those of a whole row and its own measurement,
moved by what y says otherwise (Matheron's rule): $x = x' + G_k (y - y')$.

References:
    Journel & Huijbregts, 1978, "Mining geostatistics" (conditioning by kriging, which is Matheron's)
"""

import math
from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.linalg import cholesky_ex, solve_triangular

from genzoo.core.given import Given
from genzoo.core.noise import Noise

__all__ = ["Conditioned", "ConditionedLike", "ConditioningLike", "Group"]


@runtime_checkable
class ConditionedLike(Protocol):
    """The law of x given measurements, for each of B."""

    @property
    def log_evidence(self) -> Tensor:
        """log p(y) of each measurement."""

    def mean(self) -> Tensor:
        """E[x | y], (B, D)."""

    def draw(self, n: int, noise: Noise) -> Tensor:
        """n draws of each, (B n, D): those of a measurement stand together."""


@runtime_checkable
class ConditioningLike(Protocol):
    """What knows the law of x given a linear measurement with Gaussian noise."""

    exact: bool

    def condition(self, matrix: Tensor, y: Tensor, variance: Tensor, given: Given) -> ConditionedLike:
        """The law of x given y = A x + ε, in the data's own units."""


class Group(NamedTuple):
    """Some Gaussians of one covariance.

    Attributes:
        log_weights: (K,) of all rows or (B, K) of each.
        means: (K, D).
        root: L with L Lᵀ the covariance, (D, r); or (D,), the deviations of independent entries.
    """

    log_weights: Tensor
    means: Float[Tensor, "K D"]
    root: Tensor


class _Part(NamedTuple):
    """A group beside a measurement."""

    group: Group
    seen: Float[Tensor, "K m"]  # A μ
    factor: Float[Tensor, "m m"]  # Cholesky's of S
    cross: Float[Tensor, "D m"]  # C Aᵀ

    @classmethod
    def of(cls, group: Group, matrix: Float[Tensor, "m D"], variance: Float[Tensor, " m"]) -> "_Part":
        across = matrix * group.root if group.root.ndim == 1 else matrix @ group.root
        cross = group.root[:, None] * across.T if group.root.ndim == 1 else group.root @ across.T
        spread = across @ across.T + variance.diag()
        factor, failed = cholesky_ex(spread)
        if int(failed):
            raise ValueError(
                f"A measurement must not say the same thing twice without noise: entry {int(failed) - 1} follows from "
                "those before it. Leave it out, or tell the noise."
            )
        return cls(group, group.means @ matrix.T, factor, cross)

    def log_density(self, y: Float[Tensor, "B m"]) -> Float[Tensor, "B K"]:
        """log N(y; A μ_k, S)."""
        a, b = (solve_triangular(self.factor, part.T, upper=False).T for part in (y, self.seen))
        distance = torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist").square()
        constant = self.factor.diagonal().log().sum() + y.shape[1] * math.log(2 * math.pi) / 2
        return self.group.log_weights - distance / 2 - constant

    def moved(self, off: Float[Tensor, "n m"]) -> Float[Tensor, "n D"]:
        """G (y − …)."""
        return torch.cholesky_solve(off.T, self.factor).T @ self.cross.T

    def draw(self, noise: Noise, n: int) -> Float[Tensor, "n D"]:
        """Draws of N(0, C)."""
        normal = noise.normal(n, self.group.root.shape[-1], dtype=self.group.means.dtype)
        return normal * self.group.root if self.group.root.ndim == 1 else normal @ self.group.root.T


class Conditioned:
    """The mixture of x given y, for each of B measurements by one matrix.

    Args:
        groups: The Gaussians of x, by their covariances.
        matrix: A.
        y: The measurements.
        variance: The diagonal of R; 0 where a measurement is exact.

    Raises:
        ValueError: If a measurement without noise follows from others.

    Example:
        >>> bell = Group(torch.zeros(1), torch.zeros(1, 2), torch.ones(2))
        >>> found = Conditioned([bell], torch.tensor([[1.0, 0.0]]), torch.tensor([[2.0]]), torch.tensor([1.0]))
        >>> found.mean(), round(found.log_evidence.item(), 4)
        (tensor([[1., 0.]]), -2.2655)
    """

    def __init__(
        self,
        groups: Sequence[Group],
        matrix: Float[Tensor, "m D"],
        y: Float[Tensor, "B m"],
        variance: Float[Tensor, " m"],
    ) -> None:
        self.y, self.matrix, self.variance = y, matrix, variance
        self.parts = [_Part.of(group, matrix, variance) for group in groups]
        self.joint = torch.cat([part.log_density(y) for part in self.parts], dim=1)

    @property
    def log_evidence(self) -> Float[Tensor, " B"]:
        """log p(y) of each measurement."""
        return self.joint.logsumexp(1)

    def mean(self) -> Float[Tensor, "B D"]:
        """E[x | y]."""
        shares = self.joint.softmax(1).split([len(part.seen) for part in self.parts], dim=1)
        return torch.stack(
            [
                share @ part.group.means + part.moved(share.sum(1, keepdim=True) * self.y - share @ part.seen)
                for part, share in zip(self.parts, shares, strict=True)
            ]
        ).sum(0)

    def draw(self, n: int, noise: Noise) -> Float[Tensor, "rows D"]:
        """n draws of each measurement, those of one standing together."""
        rows = torch.arange(len(self.y), device=self.y.device).repeat_interleave(n)
        which = noise.at("component").categorical(self.joint[rows])
        x, first = self.y.new_empty(len(rows), self.matrix.shape[1]), 0
        for part in self.parts:
            mine = ((which >= first) & (which < first + len(part.seen))).nonzero().squeeze(1)
            if len(mine):
                x[mine] = self._drawn(part, which[mine] - first, rows[mine], noise.rows(mine))
            first += len(part.seen)
        return x

    def _drawn(self, part: _Part, which: Int[Tensor, " k"], rows: Int[Tensor, " k"], noise: Noise) -> Tensor:
        """Draws from some Gaussians of a group, each given its measurement."""
        x = part.group.means[which] + part.draw(noise.at("row"), len(which))
        missed = noise.at("missed").normal(len(which), len(self.variance), dtype=x.dtype) * self.variance.sqrt()
        return x + part.moved(self.y[rows] - x @ self.matrix.T - missed)
