"""What the states of a hidden chain emit: one distribution of a step's entries for each state.

With $w_{ik}$ the weight of step i for state k, expectation maximization wants the maximum of
$\\sum_i w_{ik} \\log b_k(x_i)$: weighted frequencies for symbols and bits, weighted means and covariances for reals.
Frequencies take a prior, $\\prod \\theta^\\alpha$, so that what was never seen is rare and not impossible.
"""

import abc
import math
from typing import Literal

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.models.classical.full_gaussians import FullGaussians, TiedGaussians
from genzoo.models.classical.gaussians import DiagonalGaussians, Gaussians
from genzoo.models.classical.refusals import refuse_singular

__all__ = ["BitEmissions", "Covariance", "Emissions", "GaussianEmissions", "SymbolEmissions", "emissions"]

Covariance = Literal["full", "tied", "diag", "spherical"]


class Emissions(nn.Module, abc.ABC):
    """The distributions of N states over the D entries of a step; what is stored is float64.

    Args:
        count: N.
        dims: D.
    """

    def __init__(self, count: int, dims: int) -> None:
        super().__init__()
        self.count, self.dims = count, dims

    @abc.abstractmethod
    def vectors(self, x: Shaped[Tensor, "m D"]) -> Float[Tensor, "m features"]:
        """Steps as points between which a distance means something."""

    @abc.abstractmethod
    def log_density(self, x: Shaped[Tensor, "m D"]) -> Float[Tensor, "m N"]:
        """log b_k(x_i) for every step and state."""

    @abc.abstractmethod
    def sums(self) -> list[Tensor]:
        """The buffers that `accumulate` adds to."""

    @abc.abstractmethod
    def accumulate(self, x: Shaped[Tensor, "m D"], weights: Float[Tensor, "m N"]) -> None:
        """Adds weighted steps to the sums."""

    @abc.abstractmethod
    def update(self) -> None:
        """Moves to the maximum that the sums give."""

    @abc.abstractmethod
    def draw(self, which: Int[Tensor, " n"], noise: Noise) -> Shaped[Tensor, "n D"]:
        """One step from each of the states named."""

    def tables(self) -> Float[Tensor, "D levels N"]:
        """log b_k of every level of every entry, where entries are levels."""
        raise NotImplementedError(f"{type(self).__name__} emits reals, which have no table.")

    def log_prior(self) -> float:
        """log p(θ) of the present parameters, up to a constant."""
        return 0.0

    def start(self, x: Shaped[Tensor, "m D"], weights: Float[Tensor, "m N"]) -> None:
        """Starts from steps that are already given to states, softly."""
        self.clear()
        self.accumulate(x, weights)
        self.update()
        self.clear()

    def clear(self) -> None:
        """Empties the sums."""
        for tensor in self.sums():
            tensor.zero_()

    @property
    @abc.abstractmethod
    def freedom(self) -> int:
        """The number of free parameters."""

    def extra_repr(self) -> str:
        return f"count={self.count}, dims={self.dims}"


class SymbolEmissions(Emissions):
    """Every entry is a symbol with frequencies of its own, independent of the others given the state,

    $$ b_k(x) = \\prod_d \\theta_{kd}(x_d). $$

    Args:
        count: N.
        dims: D.
        levels: L, the number of symbols.
        smoothing: α, added to every count.

    Example:
        >>> p = SymbolEmissions(3, 2, levels=5, smoothing=0.1).log_density(torch.zeros(1, 2).long()).exp()
        >>> [[round(each, 2) for each in row] for row in p.tolist()]
        [[0.04, 0.04, 0.04]]
    """

    log_probs: Tensor
    counts: Tensor

    def __init__(self, count: int, dims: int, *, levels: int, smoothing: float) -> None:
        super().__init__(count, dims)
        self.levels, self.smoothing = levels, smoothing
        shape = (dims, levels, count)
        self.register_buffer("log_probs", torch.full(shape, -math.log(levels), dtype=torch.float64))
        self.register_buffer("counts", torch.zeros(shape, dtype=torch.float64))

    @property
    def freedom(self) -> int:
        return self.count * self.dims * (self.levels - 1)

    def vectors(self, x: Shaped[Tensor, "m D"]) -> Float[Tensor, "m features"]:
        return torch.nn.functional.one_hot(x.long(), self.levels).flatten(1).double()

    def log_density(self, x: Shaped[Tensor, "m D"]) -> Float[Tensor, "m N"]:
        return torch.stack([table[x[:, d].long()] for d, table in enumerate(self.log_probs)]).sum(0)

    def tables(self) -> Float[Tensor, "D levels N"]:
        return self.log_probs

    def sums(self) -> list[Tensor]:
        return [self.counts]

    def accumulate(self, x: Shaped[Tensor, "m D"], weights: Float[Tensor, "m N"]) -> None:
        for d, table in enumerate(self.counts):
            table.index_add_(0, x[:, d].long(), weights)

    def update(self) -> None:
        odds = self.counts + self.smoothing
        self.log_probs.copy_((odds / odds.sum(1, keepdim=True)).log())

    def log_prior(self) -> float:
        return self.smoothing * float(self.log_probs.sum())

    def draw(self, which: Int[Tensor, " n"], noise: Noise) -> Shaped[Tensor, "n D"]:
        return noise.categorical(self.log_probs.permute(2, 0, 1)[which])


class BitEmissions(Emissions):
    """Every entry is a bit, set with a probability of its own given the state, as 88 keys of a piano are,

    $$ b_k(x) = \\prod_d \\theta_{kd}^{x_d} (1 - \\theta_{kd})^{1 - x_d}. $$

    Args:
        count: N.
        dims: D.
        smoothing: α, added to the counts of both values.

    Example:
        >>> BitEmissions(3, 2, smoothing=0.1).log_density(torch.zeros(1, 2)).exp().tolist()
        [[0.25, 0.25, 0.25]]
    """

    ones: Tensor
    counts: Tensor
    totals: Tensor

    def __init__(self, count: int, dims: int, *, smoothing: float) -> None:
        super().__init__(count, dims)
        self.smoothing = smoothing
        self.register_buffer("ones", torch.full((count, dims), 0.5, dtype=torch.float64))
        self.register_buffer("counts", torch.zeros(count, dims, dtype=torch.float64))
        self.register_buffer("totals", torch.zeros(count, 1, dtype=torch.float64))

    @property
    def freedom(self) -> int:
        return self.count * self.dims

    def vectors(self, x: Shaped[Tensor, "m D"]) -> Float[Tensor, "m features"]:
        return x.double()

    def log_density(self, x: Shaped[Tensor, "m D"]) -> Float[Tensor, "m N"]:
        zeros = torch.log1p(-self.ones)
        return x.double() @ (self.ones.log() - zeros).T + zeros.sum(1)

    def tables(self) -> Float[Tensor, "D levels N"]:
        return torch.stack([torch.log1p(-self.ones), self.ones.log()]).permute(2, 0, 1)

    def sums(self) -> list[Tensor]:
        return [self.counts, self.totals]

    def accumulate(self, x: Shaped[Tensor, "m D"], weights: Float[Tensor, "m N"]) -> None:
        self.counts += weights.T @ x.double()
        self.totals += weights.sum(0)[:, None]

    def update(self) -> None:
        self.ones.copy_((self.counts + self.smoothing) / (self.totals + 2 * self.smoothing))

    def log_prior(self) -> float:
        return self.smoothing * float((self.ones.log() + torch.log1p(-self.ones)).sum())

    def draw(self, which: Int[Tensor, " n"], noise: Noise) -> Shaped[Tensor, "n D"]:
        return noise.bernoulli(self.ones[which]).long()


class GaussianEmissions(Emissions):
    """The entries of a step are Gaussian given the state.

    Args:
        gaussians: The N Gaussians.
        floor: The smallest variance, as a share of the data's. `None` is 1e-4, and refuses steps of a singular
            covariance.

    Example:
        >>> GaussianEmissions(DiagonalGaussians(3, 2), floor=1e-4).log_density(torch.zeros(5, 2)).shape
        torch.Size([5, 3])
    """

    def __init__(self, gaussians: Gaussians, *, floor: float | None) -> None:
        super().__init__(gaussians.count, gaussians.dims)
        self.gaussians, self.least = gaussians, floor

    @property
    def freedom(self) -> int:
        return self.gaussians.freedom

    def vectors(self, x: Shaped[Tensor, "m D"]) -> Float[Tensor, "m features"]:
        spread = x.double().std(0, correction=0)
        return x.double() / torch.where(spread > 0, spread, 1)

    def log_density(self, x: Shaped[Tensor, "m D"]) -> Float[Tensor, "m N"]:
        return self.gaussians.log_density(x.double())

    def sums(self) -> list[Tensor]:
        return self.gaussians.sums()

    def accumulate(self, x: Shaped[Tensor, "m D"], weights: Float[Tensor, "m N"]) -> None:
        self.gaussians.accumulate(x.double(), weights)

    def update(self) -> None:
        self.gaussians.update()

    def draw(self, which: Int[Tensor, " n"], noise: Noise) -> Shaped[Tensor, "n D"]:
        return self.gaussians.draw(which, noise)

    def start(self, x: Shaped[Tensor, "m D"], weights: Float[Tensor, "m N"]) -> None:
        if self.least is None:
            refuse_singular(x.double(), full=not isinstance(self.gaussians, DiagonalGaussians))
        variance = x.double().var(0, correction=0)
        typical = variance.mean() if variance.any() else torch.ones_like(variance[0])
        variance = torch.where(variance > 0, variance, typical)
        self.gaussians.center.copy_(x.double().mean(0))
        self.gaussians.floor.copy_((self.least or 1e-4) * variance)
        self.gaussians.start(self.gaussians.center.expand(self.count, -1), variance.diag())
        super().start(x, weights)


def emissions(space: Space, count: int, *, covariance: Covariance, smoothing: float, floor: float | None) -> Emissions:
    """The emissions that suit a space of sequences: symbols, bits or reals.

    Example:
        >>> emissions(Space((9, 88), levels=2), 5, covariance="diag", smoothing=0.1, floor=1e-4)
        BitEmissions(count=5, dims=88)
    """
    dims = space.shape[1] if len(space.shape) > 1 else 1
    if space.levels == 2:
        return BitEmissions(count, dims, smoothing=smoothing)
    if space.levels is not None:
        return SymbolEmissions(count, dims, levels=space.levels, smoothing=smoothing)
    match covariance:
        case "full":
            return GaussianEmissions(FullGaussians(count, dims), floor=floor)
        case "tied":
            return GaussianEmissions(TiedGaussians(count, dims), floor=floor)
        case _:
            return GaussianEmissions(DiagonalGaussians(count, dims, spherical=covariance == "spherical"), floor=floor)
