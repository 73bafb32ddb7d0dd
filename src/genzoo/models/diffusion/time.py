"""Time distributions: at which times training looks.

A distribution of times is its quantile function, a map from [0, 1) to [0, 1]. The uniform numbers that it maps are
spread evenly over the rows of a batch, so that no batch happens to see only early or only late times.
"""

import abc
import functools
import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.core.noise import Noise

__all__ = ["LogitNormal", "Times", "Uniform", "spread"]

GOLDEN = (math.sqrt(5) - 1) / 2


class Times(abc.ABC):
    """A distribution of times on [0, 1]."""

    @abc.abstractmethod
    def quantile(self, u: Float[Tensor, "*rows"]) -> Float[Tensor, "*rows"]:
        """The time below which a share u of them lies."""

    def draw(self, n: int, noise: Noise, dtype: torch.dtype = torch.float32) -> Float[Tensor, " n"]:
        """One time a row, the rows of a batch spread evenly."""
        return self.quantile(spread(n, noise)).to(dtype)


@dataclass(frozen=True)
class Uniform(Times):
    """All times alike."""

    def quantile(self, u: Float[Tensor, "*rows"]) -> Float[Tensor, "*rows"]:
        return u


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
