"""Schedules: how much signal and how much noise stand at each time.

Everywhere t = 0 is data and t = 1 is noise, and

$$ x_t = \\alpha(t)\\,x + \\sigma(t)\\,\\varepsilon, \\qquad \\varepsilon \\sim N(0, I), $$

with α(0) = 1, σ(0) = 0, and a signal-to-noise ratio α²/σ² that falls with time. A schedule is these two functions and
the last time that is used; everything else follows from them.
"""

import abc
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["EDM", "Cosine", "Linear", "Moment", "Schedule", "Straight", "VarianceExploding", "slope"]


class Moment(NamedTuple):
    """A schedule at a time: t, α, σ and the rates dα/dt, dσ/dt, each of the shape of t.

    Example:
        >>> at = Straight().at(torch.tensor(0.25))
        >>> at.mix(torch.ones(2), torch.zeros(2))
        tensor([0.7500, 0.7500])
    """

    t: Tensor
    alpha: Tensor
    sigma: Tensor
    d_alpha: Tensor
    d_sigma: Tensor

    @property
    def log_snr(self) -> Tensor:
        """λ = log α²/σ²."""
        return 2 * (self.alpha.log() - self.sigma.log())

    @property
    def scale(self) -> Tensor:
        """ρ = √(α² + σ²), the deviation of x_t for data of unit variance."""
        return torch.hypot(self.alpha, self.sigma)

    def over(self, x: Tensor) -> "Moment":
        """One time a row, ready to be multiplied with rows of x."""
        return Moment(*(part.reshape(-1, *[1] * (x.ndim - 1)) for part in self))

    def mix(self, x: Tensor, noise: Tensor) -> Tensor:
        """x_t = α x + σ ε."""
        return self.alpha * x + self.sigma * noise

    def noise_in(self, x_t: Tensor, mean: Tensor) -> Tensor:
        """ε̂, the noise in x_t if x is `mean`."""
        return (x_t - self.alpha * mean) / self.sigma


class Schedule(abc.ABC):
    """The pair α(t), σ(t).

    Attributes:
        t_max: The last time that is used, at most 1.
        is_smooth: Whether α and σ are smooth in t down to 0, so that steps equal in t keep a solver's order.
        learns: Whether its clock is learned beside the network.
    """

    t_max: float = 1.0
    learns: bool = False
    is_smooth: ClassVar[bool] = True

    @abc.abstractmethod
    def __call__(self, t: Float[Tensor, "*rows"]) -> tuple[Float[Tensor, "*rows"], Float[Tensor, "*rows"]]:
        """α and σ at times in [0, t_max]."""

    def rates(self, t: Float[Tensor, "*rows"]) -> tuple[Float[Tensor, "*rows"], Float[Tensor, "*rows"]]:
        """dα/dt and dσ/dt at times in (0, t_max]; by default by differentiation."""
        return slope(lambda t: self(t)[0], t), slope(lambda t: self(t)[1], t)

    def on_path(self, alpha: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """The point of the schedule's own kind with some ratio of signal to noise; by default of equal variance."""
        scale = torch.hypot(alpha, sigma)
        return alpha / scale, sigma / scale

    def at(self, t: Float[Tensor, "*rows"]) -> Moment:
        """α, σ and their rates."""
        return Moment(t, *self(t), *self.rates(t))

    def log_snr(self, t: Float[Tensor, "*rows"]) -> Float[Tensor, "*rows"]:
        """λ(t) = log α²/σ²."""
        alpha, sigma = self(t)
        return 2 * (alpha.log() - sigma.log())

    def time(self, log_snr: Float[Tensor, "*rows"]) -> Float[Tensor, "*rows"]:
        """The time of a log signal-to-noise ratio; t_max for ratios that are not reached.

        Example:
            >>> Straight().time(torch.tensor([0.0]))
            tensor([0.5000])
        """
        return self.inverse(log_snr.double()).clamp_max(self.t_max).to(log_snr.dtype)

    def inverse(self, log_snr: Float[Tensor, "*rows"]) -> Float[Tensor, "*rows"]:
        """The same without an end; by default by bisection up to t_max."""
        wanted = log_snr
        low, high = torch.zeros_like(wanted), torch.full_like(wanted, self.t_max)
        for _ in range(52):
            middle = (low + high) / 2
            early = self.log_snr(middle) > wanted
            low, high = torch.where(early, middle, low), torch.where(early, high, middle)
        return high

    def regret(self, t: Float[Tensor, " n"], losses: Float[Tensor, " n"]) -> Float[Tensor, ""]:
        """What a learned clock lowers: 0, with a gradient."""
        raise TypeError(f"{type(self).__name__} is not learned.")


def slope(function: Callable[[Tensor], Tensor], t: Float[Tensor, "*rows"]) -> Float[Tensor, "*rows"]:
    """The derivative of a function of each time alone.

    Args:
        function: The function.
        t: The times.

    Example:
        >>> slope(torch.square, torch.tensor([1.0, 3.0]))
        tensor([2., 6.])
    """
    with torch.enable_grad():
        t = t.detach().requires_grad_()
        return torch.autograd.grad((function(t) + 0 * t).sum(), t)[0]


@dataclass(frozen=True)
class Straight(Schedule):
    """The straight line of flow matching and rectified flow, α = 1 − t, σ = t.

    References:
        Lipman et al., 2023, "Flow matching for generative modeling", arXiv:2210.02747
        Liu, Gong & Liu, 2023, "Flow straight and fast", arXiv:2209.03003
    """

    def __call__(self, t: Float[Tensor, "*rows"]) -> tuple[Float[Tensor, "*rows"], Float[Tensor, "*rows"]]:
        return 1 - t, t

    def rates(self, t: Float[Tensor, "*rows"]) -> tuple[Float[Tensor, "*rows"], Float[Tensor, "*rows"]]:
        return -torch.ones_like(t), torch.ones_like(t)

    def inverse(self, log_snr: Float[Tensor, "*rows"]) -> Float[Tensor, "*rows"]:
        return (-log_snr / 2).sigmoid()

    def on_path(self, alpha: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        return alpha / (alpha + sigma), sigma / (alpha + sigma)


@dataclass(frozen=True)
class Cosine(Schedule):
    """The variance-preserving quarter circle, α = cos(πt/2), σ = sin(πt/2).

    Args:
        t_max: The last time, below 1 so that some signal is left for networks that predict the noise.

    References:
        Nichol & Dhariwal, 2021, "Improved denoising diffusion probabilistic models", arXiv:2102.09672
    """

    t_max: float = 0.995

    def __call__(self, t: Float[Tensor, "*rows"]) -> tuple[Float[Tensor, "*rows"], Float[Tensor, "*rows"]]:
        return torch.cos(math.pi / 2 * t), torch.sin(math.pi / 2 * t)

    def rates(self, t: Float[Tensor, "*rows"]) -> tuple[Float[Tensor, "*rows"], Float[Tensor, "*rows"]]:
        alpha, sigma = self(t)
        return -math.pi / 2 * sigma, math.pi / 2 * alpha

    def inverse(self, log_snr: Float[Tensor, "*rows"]) -> Float[Tensor, "*rows"]:
        return 2 / math.pi * (-log_snr / 2).exp().atan()


@dataclass(frozen=True)
class Linear(Schedule):
    """The variance-preserving schedule of a linear rate of noise, the limit of DDPM's in continuous time,

    $$ \\alpha^2 = \\exp\\left(-\\int_0^t \\beta\\right), \\quad \\beta(t) = \\beta_0 + (\\beta_1 - \\beta_0)\\,t,
       \\quad \\sigma^2 = 1 - \\alpha^2. $$

    Args:
        first: β₀.
        last: β₁, above β₀.

    References:
        Ho, Jain & Abbeel, 2020, "Denoising diffusion probabilistic models", arXiv:2006.11239
        Song et al., 2021, "Score-based generative modeling through stochastic differential equations",
        arXiv:2011.13456
    """

    is_smooth: ClassVar[bool] = False  # σ goes like √t
    first: float = 0.1
    last: float = 20.0

    def __call__(self, t: Float[Tensor, "*rows"]) -> tuple[Float[Tensor, "*rows"], Float[Tensor, "*rows"]]:
        log_square = -(self.first * t + (self.last - self.first) * t * t / 2)
        return (log_square / 2).exp(), (-torch.expm1(log_square)).sqrt()

    def rates(self, t: Float[Tensor, "*rows"]) -> tuple[Float[Tensor, "*rows"], Float[Tensor, "*rows"]]:
        alpha, sigma = self(t)
        beta = self.first + (self.last - self.first) * t
        return -beta / 2 * alpha, beta / 2 * alpha**2 / sigma

    def inverse(self, log_snr: Float[Tensor, "*rows"]) -> Float[Tensor, "*rows"]:
        integral = torch.nn.functional.softplus(-log_snr)  # of β, −log α²
        root = (self.first**2 + 2 * (self.last - self.first) * integral).sqrt()
        return 2 * integral / (self.first + root)


@dataclass(frozen=True)
class VarianceExploding(Schedule):
    """Data that keep their size while noise grows by equal ratios,

    $$ \\alpha = 1, \\qquad \\sigma^2 = \\sigma_0^2\\left((\\sigma_1 / \\sigma_0)^{2t} - 1\\right). $$

    Args:
        first: σ₀, below which noise grows evenly.
        last: σ₁, about the noise at t = 1, far above the data's deviation.

    References:
        Song & Ermon, 2019, "Generative modeling by estimating gradients of the data distribution", arXiv:1907.05600
        Song et al., 2021, arXiv:2011.13456 (in continuous time)
    """

    is_smooth: ClassVar[bool] = False  # σ goes like √t
    first: float = 0.01
    last: float = 50.0

    def __call__(self, t: Float[Tensor, "*rows"]) -> tuple[Float[Tensor, "*rows"], Float[Tensor, "*rows"]]:
        return torch.ones_like(t), self.first * torch.expm1(2 * math.log(self.last / self.first) * t).sqrt()

    def rates(self, t: Float[Tensor, "*rows"]) -> tuple[Float[Tensor, "*rows"], Float[Tensor, "*rows"]]:
        rate = 2 * math.log(self.last / self.first)
        grown = (rate * t).exp()
        return torch.zeros_like(t), self.first * rate * grown / (2 * (grown - 1).sqrt())

    def inverse(self, log_snr: Float[Tensor, "*rows"]) -> Float[Tensor, "*rows"]:
        return torch.log1p((-log_snr).exp() / self.first**2) / (2 * math.log(self.last / self.first))

    def on_path(self, alpha: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        return torch.ones_like(alpha), sigma / alpha


@dataclass(frozen=True)
class EDM(Schedule):
    """Data that keep their size, and noise by a power of time: α = 1, σ = σ₁ t^ρ.

    Steps equal in t are the steps of Karras et al., many where the noise is small.

    Args:
        last: σ₁, the noise at t = 1, far above the data's deviation.
        power: ρ.

    References:
        Karras, Aittala, Aila & Laine, 2022, "Elucidating the design space of diffusion-based generative models",
        arXiv:2206.00364
    """

    last: float = 80.0
    power: float = 7.0

    def __call__(self, t: Float[Tensor, "*rows"]) -> tuple[Float[Tensor, "*rows"], Float[Tensor, "*rows"]]:
        return torch.ones_like(t), self.last * t**self.power

    def rates(self, t: Float[Tensor, "*rows"]) -> tuple[Float[Tensor, "*rows"], Float[Tensor, "*rows"]]:
        return torch.zeros_like(t), self.last * self.power * t ** (self.power - 1)

    def inverse(self, log_snr: Float[Tensor, "*rows"]) -> Float[Tensor, "*rows"]:
        return ((-log_snr / 2).exp() / self.last) ** (1 / self.power)

    def on_path(self, alpha: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        return torch.ones_like(alpha), sigma / alpha
