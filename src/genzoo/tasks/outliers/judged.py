"""What networks say that were taught to tell: a critic data from samples, a classifier how much noise is in a row.

- `critic` is −D(x) of the critic that a generator played against.
- `diffusion_time` is the posterior mean of the time of a row, as the angle of noise and signal, $E[\\arctan
  (\\sigma_k/\\alpha_k) \\mid x]$. A model that tells times says p(k | x). Of any other, whose rows keep their size, it
  follows from known rows without a network: with log σ evenly likely, and the k nearest rows $x_i$ for all of them,

$$ p(\\sigma \\mid x) \\propto \\sum_i N(x; x_i, \\sigma^2 I), $$

  which ranks rows nearly as the mean distance to neighbors does, so `auto` takes that once.

References:
    Livernoche et al., 2024, "On diffusion modeling for anomaly detection", arXiv:2305.18593
    Zenati, Foo, Lecouat, Manek & Chandrasekhar, 2018, "Efficient GAN-based anomaly detection", arXiv:1802.06222
"""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo._like import first_like
from genzoo.core.given import Given
from genzoo.core.noise import Noise
from genzoo.tasks.outliers.distances import Nearest, Units
from genzoo.tasks.outliers.statistic import Drawn, Setting, Statistic

__all__ = ["Critic", "DiffusionTime"]

FINEST, COARSEST, TIMES = -4.0, 6.0, 100  # log σ in standard units, and how many of them


@runtime_checkable
class CriticLike(Protocol):
    """What a critic says of rows."""

    pack: int

    def of_rows(self, x: Tensor, given: Given, noise: Noise) -> Tensor:
        """A number of each, large for data."""


@runtime_checkable
class TimingLike(Protocol):
    """What is told of the time of rows."""

    log_snr: Tensor

    def log_posterior(self, x: Tensor, given: Given) -> Tensor:
        """log p(k | x)."""


class Critic(Statistic):
    """−D(x)."""

    name = "critic"
    both_ways = True

    def why_not(self, setting: Setting) -> str:
        critic = first_like(setting.model.abilities(), CriticLike)
        if critic is None:
            return "it was trained against no critic"
        return "" if critic.pack == 1 else "its critic judges packs of rows"

    def number(self, setting: Setting) -> Callable[[Drawn], Float[Tensor, " B"]]:
        critic = first_like(setting.model.abilities(), CriticLike)
        assert critic is not None  # as `why_not` has seen to

        def number(rows: Drawn) -> Tensor:
            noise = Noise(setting.seed, "outliers", self.name, start=rows.start, device=rows.x.device)
            return -critic.of_rows(rows.x, rows.given, noise).double()

        return number


class DiffusionTime(Statistic):
    """The posterior mean of the time of a row."""

    name = "diffusion_time"

    def why_not(self, setting: Setting) -> str:
        return "" if first_like(setting.model.abilities(), TimingLike) is not None else Units.why_not(setting)

    def repeats(self, setting: Setting) -> bool:
        return first_like(setting.model.abilities(), TimingLike) is None

    def number(self, setting: Setting) -> Callable[[Drawn], Float[Tensor, " B"]]:
        if (timing := first_like(setting.model.abilities(), TimingLike)) is None:
            return self._of_neighbors(Nearest(setting))
        angle = (-timing.log_snr / 2).exp().atan()

        def number(rows: Drawn) -> Tensor:
            p = timing.log_posterior(rows.x, rows.given).double().exp()
            return p @ angle.to(p)

        return number

    @staticmethod
    def _of_neighbors(nearest: Nearest) -> Callable[[Drawn], Float[Tensor, " B"]]:
        log_sigma = torch.linspace(FINEST, COARSEST, TIMES, dtype=torch.float64)

        def number(rows: Drawn) -> Tensor:
            squared, at = nearest(rows.x).double(), log_sigma.to(rows.x.device)
            of_each = -squared[:, :, None] / (2 * (2 * at).exp()) - nearest.dims * at
            return of_each.logsumexp(1).softmax(1) @ at.exp().atan()

        return number
