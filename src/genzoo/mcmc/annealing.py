"""Annealed importance sampling: the normalization of a density, by walking there from one whose own is known.

Between a density $f_0$ that can be drawn and normalized and the target $f_1$ lies a path $f_\\beta$, β from 0 to 1. A
chain starts at a draw of $f_0$ and is moved by kernels that leave $f_\\beta$ as it is, while β rises; its weight

$$ \\log w = \\sum_k \\log f_{\\beta_{k+1}}(x_k) - \\log f_{\\beta_k}(x_k), \\qquad \\mathbb E\\,w = Z_1 / Z_0, $$

is unbiased for any number of steps, whether or not the chains mix. So log Ẑ lies below log Z on average (Jensen), by
about half the variance of its error: more steps raise it.

References:
    Neal, 2001, "Annealed importance sampling", arXiv:physics/9803008
    Salakhutdinov & Murray, 2008, "On the quantitative analysis of deep belief networks"
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from genzoo.core.noise import Noise
from genzoo.mcmc.densities import Density, Target, density
from genzoo.mcmc.kernel import Kernel

__all__ = ["Annealed", "Path", "ais", "check_betas", "geometric"]

Path = Callable[[float], Target]


class Annealed(NamedTuple):
    """Weighted chains at the end of the path.

    Attributes:
        x: (chains, *event); with the weights, draws of the target.
        log_weights: (chains,), each with E w = Z₁ / Z₀.
        log_z_start: log Z₀.

    Example:
        >>> done = Annealed(torch.zeros(4, 1), torch.tensor([0.0, 0.1, -0.1, 0.0]))
        >>> round(done.log_z, 4), round(done.error, 4), round(done.ess, 2)
        (0.0025, 0.0408, 3.98)
        >>> done.trouble
        ''
    """

    x: Tensor
    log_weights: Tensor
    log_z_start: float = 0.0

    @property
    def log_z(self) -> float:
        """log Ẑ, the logarithm of the weights' mean."""
        return float(self.log_weights.double().logsumexp(0)) - math.log(len(self.log_weights)) + self.log_z_start

    @property
    def error(self) -> float:
        """The standard error of log Ẑ by the delta method, that of Ẑ over Ẑ; NaN for one chain."""
        return float(self._relative.std() / math.sqrt(len(self.log_weights)))

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval, log (Ẑ ± 1.96 standard errors)."""
        low, high = 1 - 1.96 * self.error, 1 + 1.96 * self.error
        return self.log_z + (math.log(low) if low > 0 else -math.inf), self.log_z + math.log(high)

    @property
    def ess(self) -> float:
        """The effective number of chains, $(\\sum w)^2 / \\sum w^2$."""
        return float(len(self.log_weights) / self._relative.square().mean())

    @property
    def trouble(self) -> str:
        """What is wrong with the weights, in words; empty if nothing is."""
        if not self.log_weights.isfinite().all():
            return "Some weights are zero, infinite or not numbers: the path leaves the support of a density."
        chains = len(self.log_weights)
        if self.ess < max(min(5, chains / 2), chains / 20):
            return (
                f"The estimate rests on {self.ess:.1f} of {chains} chains, so its interval is too "
                "narrow to be trusted. Take more temperatures."
            )
        return ""

    @property
    def _relative(self) -> Float[Tensor, " chains"]:
        """w / mean w."""
        return self.log_weights.double().softmax(0) * len(self.log_weights)


def ais(
    path: Path,
    kernel: Callable[[float], Kernel],
    x: Shaped[Tensor, "chains *event"],
    noise: Noise,
    *,
    betas: Sequence[float] | Float[Tensor, " steps"],
    log_z: float = 0.0,
) -> Annealed:
    """Anneals chains from the start of a path to its end.

    Args:
        path: β to the log-density $\\log f_\\beta$; see `geometric`.
        kernel: β to a kernel that leaves $f_\\beta$ as it is.
        x: Exact draws of the first density, one per chain.
        noise: Where randomness comes from.
        betas: Rising from 0 to 1.
        log_z: log Z₀ of the first density.

    Raises:
        ValueError: If the betas do not rise from 0 to 1.

    Example:
        >>> from genzoo.mcmc import hmc
        >>> wide, narrow = (lambda x: -x.square().sum(1) / 2), (lambda x: -2 * x.square().sum(1))
        >>> path = geometric(wide, narrow)
        >>> walk = lambda beta: hmc(path(beta), step_size=0.5, steps=3)
        >>> done = ais(path, walk, Noise(0).normal(500, 2), Noise(1), betas=torch.linspace(0, 1, 30))
        >>> abs(done.log_z - math.log(1 / 4)) < 4 * done.error
        True

    References:
        Neal, 2001, arXiv:physics/9803008
    """
    rising = check_betas(betas, start=0.0)
    log_weights = torch.zeros(len(x), dtype=torch.float64, device=x.device)
    before = density(path(rising[0])).log_prob
    for k, beta in enumerate(rising[1:]):
        now = density(path(beta)).log_prob
        log_weights += now(x).double() - before(x).double()
        moving = kernel(beta)
        x = moving.step(moving.init(x), noise.tick(k)).x
        before = now
    return Annealed(x, log_weights, log_z)


def geometric(start: Target, target: Target) -> Callable[[float], Density]:
    """The geometric path $f_\\beta = f_0^{1-\\beta} f_1^\\beta$.

    Args:
        start: log f₀.
        target: log f₁.

    Example:
        >>> path = geometric(lambda x: 0 * x.sum(1), lambda x: -x.sum(1))
        >>> path(0.5).log_prob(torch.tensor([[3.0]]))
        tensor([-1.5000])
    """
    first, last = density(start), density(target)

    def at(beta: float) -> Density:
        if beta in (0, 1):  # so that a density that is zero somewhere does no harm where it has no say
            return last if beta else first

        def mixed(a: Tensor, b: Tensor) -> Tensor:
            return (1 - beta) * a + beta * b

        def log_prob(x: Tensor) -> Tensor:
            return mixed(first.log_prob(x), last.log_prob(x))

        def score(x: Tensor) -> Tensor:
            return mixed(first.score(x), last.score(x))

        def both(x: Tensor) -> tuple[Tensor, Tensor]:
            (a, slope_a), (b, slope_b) = first.both(x), last.both(x)
            return mixed(a, b), mixed(slope_a, slope_b)

        return Density(log_prob, score, both)

    return at


def check_betas(betas: Sequence[float] | Tensor, *, start: float | None = None) -> list[float]:
    """The inverse temperatures as numbers, if they rise to 1.

    Args:
        betas: As given.
        start: What the first must be; any that is not negative, if none is named.

    Raises:
        ValueError: If they do not.

    Example:
        >>> check_betas([0.0, 0.5, 1.0], start=0.0)
        [0.0, 0.5, 1.0]
    """
    rising = [float(beta) for beta in betas]
    ok = bool(rising) and (rising[0] >= 0 if start is None else rising[0] == start)
    if len(rising) < 2 or rising[-1] != 1 or rising != sorted(set(rising)) or not ok:
        raise ValueError(
            f"`betas` must rise from {start or 0:g} to 1, got {rising[:3]} … {rising[-1:]}. "
            "Take torch.linspace(0, 1, 100)."
        )
    return rising
