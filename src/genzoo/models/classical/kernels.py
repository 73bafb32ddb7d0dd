"""Radial kernels: the densities that an estimate puts on every row.

A kernel is a density c_D k(u) of the distance u = |y| in D dimensions, with k(0) = 1. With the volume of the unit
ball, V_D = π^{D/2} / Γ(D/2 + 1), the constants are

$$ k(u) = e^{-u^2/2}: \\; c_D = (2\\pi)^{-D/2}, \\qquad
   k(u) = (1 - u^p)_+: \\; c_D = \\frac{1}{V_D} \\frac{D + p}{p}, $$

where p = 1 is the cone ("linear"), p = 2 Epanechnikov's kernel, and p → ∞ the ball ("tophat"), whose c_D is 1 / V_D.

References:
    Epanechnikov, 1969, "Non-parametric estimation of a multivariate probability density", doi:10.1137/1114019
"""

import abc
import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from genzoo.core.noise import Noise
from genzoo.distributions.pairwise import squared_distances

__all__ = ["KERNELS", "CompactKernel", "GaussianKernel", "Kernel"]

QUERIES, ROWS = 512, 512  # a block of distances stays in cache


class Kernel(abc.ABC):
    """A radial density on ℝᴰ.

    Example:
        >>> import math
        >>> round(math.exp(KERNELS["epanechnikov"].log_constant(1)), 6)
        0.75
    """

    @abc.abstractmethod
    def log_constant(self, dims: int) -> float:
        """log c_D."""

    @abc.abstractmethod
    def values(self, squared: Float[Tensor, "n m"]) -> Float[Tensor, "n m"]:
        """k at squared distances u², perhaps in their place."""

    @abc.abstractmethod
    def draw(self, n: int, dims: int, noise: Noise) -> Float[Tensor, "n D"]:
        """n float64 draws from the kernel at the origin."""

    def log_sum(
        self, y: Float[Tensor, "n D"], rows: Float[Tensor, "m D"], own: Int[Tensor, " n"] | None = None
    ) -> Float[Tensor, " n"]:
        """log Σ_j k(|y_i − r_j|) over all rows, a block at a time.

        Args:
            y: Where.
            rows: The rows, about the origin: distances come from matrix products and lose digits far from it.
            own: The number of the row that each y is itself, which is left out of its sum.
        """
        sums = []
        for block, mine in _blocks(y, own):
            total = block.new_zeros(len(block))
            for start in range(0, len(rows), ROWS):
                values = self.values(squared_distances(block, rows[start : start + ROWS]))
                total = total + _without(values, mine, start, 0.0).sum(1)
            sums.append(total)
        return torch.cat(sums).log() if sums else y.new_zeros(0)


class GaussianKernel(Kernel):
    """The standard normal density.

    Sums of k need no logarithms but where all terms underflow, and one matrix product makes the exponents,

    $$ -\\tfrac12 |y - r|^2 = (y, -\\tfrac12 |y|^2, 1) \\cdot (r, 1, -\\tfrac12 |r|^2). $$

    Example:
        >>> GaussianKernel().log_sum(torch.zeros(1, 2), torch.tensor([[0.0, 0.0], [3.0, 4.0]])).exp()
        tensor([1.0000])
    """

    def log_constant(self, dims: int) -> float:
        return -dims / 2 * math.log(2 * math.pi)

    def values(self, squared: Float[Tensor, "n m"]) -> Float[Tensor, "n m"]:
        return (squared / -2).exp()

    def draw(self, n: int, dims: int, noise: Noise) -> Float[Tensor, "n D"]:
        return noise.normal(n, dims, dtype=torch.float64)

    def log_sum(
        self, y: Float[Tensor, "n D"], rows: Float[Tensor, "m D"], own: Int[Tensor, " n"] | None = None
    ) -> Float[Tensor, " n"]:
        if (y.requires_grad and torch.is_grad_enabled()) or torch.compiler.is_exporting():
            return self._careful(y, rows, own)
        sums, limits = self._sums(y, rows, own), torch.finfo(y.dtype)
        lost = (sums < len(rows) * limits.tiny / limits.eps**2).nonzero().squeeze(1)
        logs = sums.log()
        if len(lost):
            logs[lost] = self._careful(y[lost], rows, None if own is None else own[lost])
        return logs

    def _sums(self, y: Tensor, rows: Tensor, own: Tensor | None) -> Tensor:
        # Powers of two cost a third of exponentials, and below the least normal number processors take a slow path.
        least = math.log2(torch.finfo(y.dtype).tiny)
        unit = math.sqrt(math.log2(math.e))
        left, right = _halves(y * unit, first=True), _halves(rows * unit, first=False)
        parts = [part.T.contiguous() for part in right.split(ROWS)]
        sums = []
        for block, mine in _blocks(left, own):
            total = block.new_zeros(len(block))
            for number, part in enumerate(parts):
                values = (block @ part).clamp_min_(least).exp2_()
                total += _without(values, mine, number * ROWS, 0.0).sum(1)
            sums.append(total)
        return torch.cat(sums) if sums else y.new_zeros(0)

    def _careful(self, y: Tensor, rows: Tensor, own: Tensor | None) -> Tensor:
        """The same in logarithms throughout, and differentiable."""
        sums = []
        for block, mine in _blocks(y, own):
            total = block.new_full((len(block),), -torch.inf)
            for start in range(0, len(rows), ROWS):
                logs = squared_distances(block, rows[start : start + ROWS]) / -2
                total = torch.logaddexp(total, _without(logs, mine, start, -torch.inf).logsumexp(1))
            sums.append(total)
        return torch.cat(sums) if sums else y.new_zeros(0)


class CompactKernel(Kernel):
    """k(u) = (1 − uᵖ)₊, zero outside the unit ball.

    A draw has a uniform direction and the radius $U_1^{1/D} U_2^{1/(D+p)}$: uᵖ follows Beta(D/p, 2), a product of two
    powers of uniform numbers.

    Args:
        power: p; infinite for the uniform density on the ball.

    Example:
        >>> CompactKernel(2).log_sum(torch.zeros(1, 1), torch.tensor([[0.5], [3.0]])).exp()
        tensor([0.7500])
    """

    def __init__(self, power: int | float) -> None:
        self.power = power

    def log_constant(self, dims: int) -> float:
        log_volume = dims / 2 * math.log(math.pi) - math.lgamma(dims / 2 + 1)
        return -log_volume + (0.0 if math.isinf(self.power) else math.log1p(dims / self.power))

    def values(self, squared: Float[Tensor, "n m"]) -> Float[Tensor, "n m"]:
        if math.isinf(self.power):
            return (squared < 1).to(squared.dtype)
        return (1 - (squared if self.power == 2 else squared.pow(self.power / 2))).clamp_min(0)

    def draw(self, n: int, dims: int, noise: Noise) -> Float[Tensor, "n D"]:
        direction = torch.nn.functional.normalize(noise.normal(n, dims, dtype=torch.float64), dim=1)
        first, second = noise.at("radius").uniform(n, 2, dtype=torch.float64).unbind(1)
        return direction * (first.pow(1 / dims) * second.pow(1 / (dims + self.power)))[:, None]


KERNELS: dict[str, Kernel] = {
    "gaussian": GaussianKernel(),
    "epanechnikov": CompactKernel(2),
    "linear": CompactKernel(1),
    "tophat": CompactKernel(math.inf),
}


def _halves(y: Tensor, *, first: bool) -> Tensor:
    """Rows with −|y|²/2 and one beside them, in the order of one factor of the product or of the other."""
    half, one = y.square().sum(1, keepdim=True) / -2, y.new_ones(len(y), 1)
    return torch.cat([y, half, one] if first else [y, one, half], dim=1)


def _blocks(y: Tensor, own: Tensor | None) -> list[tuple[Tensor, Tensor | None]]:
    parts = y.split(QUERIES) if len(y) else ()
    return list(zip(parts, [None] * len(parts) if own is None else own.split(QUERIES), strict=True))


def _without(values: Tensor, own: Tensor | None, start: int, empty: float) -> Tensor:
    """Values of a block of rows from `start` on, each query's own row emptied."""
    if own is None:
        return values
    here = ((own >= start) & (own < start + values.shape[1])).nonzero().squeeze(1)
    return values.index_put((here, own[here] - start), values.new_tensor(empty)) if len(here) else values
