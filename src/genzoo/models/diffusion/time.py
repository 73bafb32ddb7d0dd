"""Time distributions: at which times training looks.

A distribution of times is its quantile function, a map from [0, 1) to the times of a schedule. The uniform numbers
that it maps are spread evenly over the rows of a batch, so that no batch happens to see only early or only late times.
"""

import abc
import functools
import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.core.noise import Noise
from genzoo.models.diffusion.schedule import Schedule, slope

__all__ = ["Levels", "LogNormal", "LogitNormal", "Times", "Uniform", "spread"]

GOLDEN = (math.sqrt(5) - 1) / 2


class Times(abc.ABC):
    """A distribution of times.

    Attributes:
        learns: Whether it is learned beside the network.
        has_gaps: Whether some times never occur.
    """

    learns: bool = False
    has_gaps: ClassVar[bool] = False

    @abc.abstractmethod
    def quantile(self, u: Float[Tensor, "*rows"]) -> Float[Tensor, "*rows"]:
        """The share of the range below which a share u of the times lies."""

    def at(self, u: Float[Tensor, "*rows"], schedule: Schedule, ends: tuple[float, float]) -> Float[Tensor, "*rows"]:
        """The time below which a share u of them lies.

        Args:
            u: Shares.
            schedule: The schedule.
            ends: The least and the greatest time.
        """
        return ends[0] + (ends[1] - ends[0]) * self.quantile(u)

    def stretch(
        self, u: Float[Tensor, "*rows"], schedule: Schedule, ends: tuple[float, float]
    ) -> Float[Tensor, "*rows"]:
        """|dλ/du|, one over the density of these times on the axis of log signal-to-noise ratios."""

        def log_snr(u: Tensor) -> Tensor:
            return schedule.log_snr(self.at(u, schedule, ends))

        return slope(log_snr, u).abs()

    def regret(self, share: Float[Tensor, " n"], losses: Float[Tensor, " n"]) -> Float[Tensor, ""]:
        """What a learned distribution lowers: 0, with a gradient."""
        raise TypeError(f"{type(self).__name__} is not learned.")


@dataclass(frozen=True)
class Uniform(Times):
    """All times alike."""

    def quantile(self, u: Float[Tensor, "*rows"]) -> Float[Tensor, "*rows"]:
        return u


@dataclass(frozen=True)
class Levels(Times):
    """The times 1/T, 2/T, …, 1 alike: those of a chain of T steps, and no others.

    Args:
        count: T.

    References:
        Ho, Jain & Abbeel, 2020, "Denoising diffusion probabilistic models", arXiv:2006.11239
    """

    has_gaps: ClassVar[bool] = True
    count: int = 1000

    def quantile(self, u: Float[Tensor, "*rows"]) -> Float[Tensor, "*rows"]:
        return ((u * self.count).floor().clamp_max(self.count - 1) + 1) / self.count

    def at(self, u: Float[Tensor, "*rows"], schedule: Schedule, ends: tuple[float, float]) -> Float[Tensor, "*rows"]:
        return self.quantile(u)


@dataclass(frozen=True)
class LogitNormal(Times):
    """More in the middle, where there is most to learn: logit t ~ N(mean, std²).

    References:
        Esser et al., 2024, "Scaling rectified flow transformers for high-resolution image synthesis",
        arXiv:2403.03206
    """

    mean: float = 0.0
    std: float = 1.0

    def quantile(self, u: Float[Tensor, "*rows"]) -> Float[Tensor, "*rows"]:
        return (self.mean + self.std * torch.special.ndtri(u.clamp(1e-12, 1 - 1e-12))).sigmoid()


@dataclass(frozen=True)
class LogNormal(Times):
    """More at the noises that matter, whatever the clock: log σ/α ~ N(mean, std²), within the schedule's range.

    References:
        Karras, Aittala, Aila & Laine, 2022, "Elucidating the design space of diffusion-based generative models",
        arXiv:2206.00364
    """

    mean: float = -1.2
    std: float = 1.2

    def quantile(self, u: Float[Tensor, "*rows"]) -> Float[Tensor, "*rows"]:
        return torch.special.ndtri(u.clamp(1e-12, 1 - 1e-12))

    def at(self, u: Float[Tensor, "*rows"], schedule: Schedule, ends: tuple[float, float]) -> Float[Tensor, "*rows"]:
        log_noise = -schedule.log_snr(u.new_tensor(ends)) / 2
        first, last = torch.special.ndtr((log_noise - self.mean) / self.std)
        return schedule.time(-2 * (self.mean + self.std * self.quantile(first + (last - first) * u)))


def spread(n: int, noise: Noise) -> Float[Tensor, " n"]:
    """n numbers, each uniform on [0, 1), together spread evenly over it: u_i = u + iφ mod 1 with one draw u.

    φ is the golden ratio, whose multiples fill the circle more evenly than any other's, from whatever row on: a part
    of a batch is spread as evenly as the whole, and finds the numbers that the whole would have given it.

    Args:
        n: The number of rows.
        noise: The rows' noise; u is the same for all rows of a step.

    Example:
        >>> spread(5, Noise(0)).sort().values.diff().max() < 0.4
        tensor(True)
    """
    shared = Noise(noise.seed, *noise.path, "shared", device=noise.device)
    shared.page, shared.pages = noise.page, noise.pages  # kept for the steps to come
    places = _places(n, noise.start) if noise.index is None else (noise.index + noise.start).double() * GOLDEN
    return (shared.uniform(1, dtype=torch.float64) + places.to(noise.device)) % 1.0


@functools.lru_cache(maxsize=16)
def _places(n: int, start: int) -> Float[Tensor, " n"]:
    return torch.arange(start, start + n).double() * GOLDEN
