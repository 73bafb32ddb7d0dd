"""Samplers: from noise to data by steps from a time t to an earlier time s.

A sampler sees the model only as `denoise(x_t, t, given)` = E[x | x_t, given], and the schedule only at the two ends of
a step. The loop stands once, in `Sampler`; a method is a `step`. Without fresh noise a step follows the
probability-flow equation

$$ dx_t = \\hat x\\,d\\alpha + \\hat\\varepsilon\\,d\\sigma,
   \\qquad \\hat\\varepsilon = \\frac{x_t - \\alpha\\hat x}{\\sigma}, $$

whose solutions have the distribution of x_t at every time.
"""

import abc
import itertools
import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.core.abilities import Denoise
from genzoo.core.given import Given
from genzoo.core.noise import Noise
from genzoo.models.diffusion.schedule import Moment, Schedule

__all__ = ["DDIM", "Ancestral", "Euler", "Heun", "Multistep", "Sampler", "sampler_named"]


class Passed(NamedTuple):
    """A time gone by: when, where x was, and the mean of the data there."""

    at: Moment
    x: Tensor
    mean: Tensor


Past = Sequence[Passed]  # oldest first


@dataclass(frozen=True)
class Sampler(abc.ABC):
    """A way from noise to data.

    Args:
        steps: Steps from t_max to 0, equal in t.

    Example:
        >>> from genzoo.models.diffusion import Straight
        >>> def one(x_t, t, given):
        ...     return torch.ones_like(x_t)  # all data are 1
        >>> DDIM(steps=5)(one, Straight(), torch.zeros(3, 1), {}, Noise(0)).flatten()
        tensor([1., 1., 1.])
    """

    calls: ClassVar[int] = 1  # of the network, in a step
    memory: ClassVar[int] = 0  # means that are kept for the steps to come
    steps: int = 50

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"A sampler needs at least one step, got {self.steps}.")

    def __call__(
        self, denoise: Denoise, schedule: Schedule, x: Float[Tensor, "B *event"], given: Given, noise: Noise
    ) -> Float[Tensor, "B *event"]:
        """x at t = 0 from x at t_max."""
        times = self.times(schedule).to(x.device, x.dtype)
        return self.along(times, denoise, schedule, x, given, noise)

    def times(self, schedule: Schedule) -> Float[Tensor, " steps"]:
        """From t_max to 0, by default in steps equal in t."""
        return torch.linspace(schedule.t_max, 0, self.steps + 1, dtype=torch.float64)

    def along(
        self,
        times: Float[Tensor, " steps"],
        denoise: Denoise,
        schedule: Schedule,
        x: Float[Tensor, "B *event"],
        given: Given,
        noise: Noise,
    ) -> Float[Tensor, "B *event"]:
        """x at the last of some times from x at the first of them."""
        past: deque[Passed] = deque(maxlen=self.memory)
        for k, (t, s) in enumerate(itertools.pairwise(times)):
            at_t, at_s = schedule.at(t), schedule.at(s)
            mean = denoise(x, t, given)
            y = self.step(x, mean, at_t, at_s, noise.at(k), past)
            past.append(Passed(at_t, x, mean))
            x = self.correct(x, y, mean, at_t, at_s, lambda y, s=s: denoise(y, s, given))  # type: ignore[misc]
        return x

    @abc.abstractmethod
    def step(self, x: Tensor, mean: Tensor, at_t: Moment, at_s: Moment, noise: Noise, past: Past = ()) -> Tensor:
        """x at s from x at t, the mean of the data there, and the last `memory` times before, oldest first."""

    def correct(
        self,
        x: Tensor,
        y: Tensor,
        mean: Tensor,
        at_t: Moment,
        at_s: Moment,
        denoise: Callable[[Tensor], Tensor],
    ) -> Tensor:
        """x at s once more, after a look at `denoise(y)` there; by default y stands as it is."""
        return y


@dataclass(frozen=True)
class Euler(Sampler):
    """The flow in straight steps, x + (α_s − α_t) x̂ + (σ_s − σ_t) ε̂.

    On a straight schedule that is Euler's step of the velocity; on every schedule it is DDIM's.
    """

    def step(self, x: Tensor, mean: Tensor, at_t: Moment, at_s: Moment, noise: Noise, past: Past = ()) -> Tensor:
        return flow(x, (mean, at_t.noise_in(x, mean)), at_t, at_s)


@dataclass(frozen=True)
class Heun(Sampler):
    """The flow in steps along the average of two directions, that at t and that where it leads: of second order.

    Every step but the last, which ends where there is no noise to divide by, looks at the network twice.

    References:
        Karras, Aittala, Aila & Laine, 2022, arXiv:2206.00364 (Algorithm 1)
    """

    calls: ClassVar[int] = 2
    steps: int = 25

    def times(self, schedule: Schedule) -> Float[Tensor, " steps"]:
        return super().times(schedule) if schedule.is_smooth else even_angles(schedule, self.steps)

    def step(self, x: Tensor, mean: Tensor, at_t: Moment, at_s: Moment, noise: Noise, past: Past = ()) -> Tensor:
        return flow(x, (mean, at_t.noise_in(x, mean)), at_t, at_s)

    def correct(
        self,
        x: Tensor,
        y: Tensor,
        mean: Tensor,
        at_t: Moment,
        at_s: Moment,
        denoise: Callable[[Tensor], Tensor],
    ) -> Tensor:
        if at_s.sigma == 0:
            return y
        there = denoise(y)
        noises = at_t.noise_in(x, mean) + at_s.noise_in(y, there)
        return flow(x, ((mean + there) / 2, noises / 2), at_t, at_s)


@dataclass(frozen=True)
class DDIM(Sampler):
    """The same mean and the same noise, mixed for the earlier time, some of the noise fresh,

    $$ x_s = \\alpha_s\\hat x + \\sigma_s\\left(\\sqrt{1 - \\eta^2 f}\\,\\hat\\varepsilon + \\eta\\sqrt f\\,
       \\varepsilon\\right), \\qquad f = 1 - \\left(\\frac{\\alpha_t\\sigma_s}{\\alpha_s\\sigma_t}\\right)^2. $$

    Args:
        steps: Steps from t_max to 0; equal in t, or in angle where noise is fresh.
        eta: η, the share of fresh noise: 0 is the flow, 1 the ancestral step.

    References:
        Song, Meng & Ermon, 2021, "Denoising diffusion implicit models", arXiv:2010.02502
    """

    eta: float = 0.0

    def times(self, schedule: Schedule) -> Float[Tensor, " steps"]:
        return even_angles(schedule, self.steps) if self.eta else super().times(schedule)

    def step(self, x: Tensor, mean: Tensor, at_t: Moment, at_s: Moment, noise: Noise, past: Past = ()) -> Tensor:
        kept = at_t.noise_in(x, mean)
        if self.eta:
            fresh = self.eta**2 * (1 - (at_t.alpha / at_s.alpha * at_s.sigma / at_t.sigma) ** 2)
            kept = (1 - fresh).sqrt() * kept + fresh.sqrt() * noise.normal(*x.shape, dtype=x.dtype)
        return at_s.mix(mean, kept)


@dataclass(frozen=True)
class Ancestral(Sampler):
    """A draw from the posterior q(x_s | x_t, x̂), DDPM's own step,

    $$ x_s = \\frac{\\alpha_{ts}\\sigma_s^2}{\\sigma_t^2} x_t + \\frac{\\alpha_s\\sigma_{ts}^2}{\\sigma_t^2} \\hat x
       + \\frac{\\sigma_{ts}\\sigma_s}{\\sigma_t}\\,\\varepsilon, \\qquad
       \\alpha_{ts} = \\frac{\\alpha_t}{\\alpha_s},\\quad \\sigma_{ts}^2 = \\sigma_t^2 - \\alpha_{ts}^2\\sigma_s^2. $$

    The noise is that of data without spread, so long steps make samples too narrow: steps are equal in angle.

    References:
        Ho, Jain & Abbeel, 2020, arXiv:2006.11239
        Kingma, Salimans, Poole & Ho, 2021, "Variational diffusion models", arXiv:2107.00630 (in continuous time)
    """

    steps: int = 100

    def times(self, schedule: Schedule) -> Float[Tensor, " steps"]:
        return even_angles(schedule, self.steps)

    def step(self, x: Tensor, mean: Tensor, at_t: Moment, at_s: Moment, noise: Noise, past: Past = ()) -> Tensor:
        ratio = at_t.alpha / at_s.alpha
        added = (at_t.sigma**2 - ratio**2 * at_s.sigma**2).clamp_min(0)
        posterior = (ratio * at_s.sigma**2 * x + at_s.alpha * added * mean) / at_t.sigma**2
        fresh = noise.normal(*x.shape, dtype=x.dtype)
        return posterior + added.sqrt() * at_s.sigma / at_t.sigma * fresh


@dataclass(frozen=True)
class Multistep(Sampler):
    """The flow along the direction that the last two point to: of second order with one call a step,

    $$ x_s = x_t + \\Delta\alpha\\,\bar x + \\Delta\\sigma\\,\bar\varepsilon, \\qquad
       \bar x = \\hat x_t + \tfrac12 (\\hat x_t - \\hat x_{t'}), $$

    ε̄ likewise, t' being the time before: where the middle of the step lies if both go on in a straight line, steps
    being equal in angle.

    References:
        Bashforth & Adams, 1883, "An attempt to test the theories of capillary action"
        Liu, Ren, Lin & Zhao, 2022, "Pseudo numerical methods for diffusion models on manifolds", arXiv:2202.09778
    """

    memory: ClassVar[int] = 1

    def times(self, schedule: Schedule) -> Float[Tensor, " steps"]:
        return even_angles(schedule, self.steps)

    def step(self, x: Tensor, mean: Tensor, at_t: Moment, at_s: Moment, noise: Noise, past: Past = ()) -> Tensor:
        fresh = at_t.noise_in(x, mean)
        if not past:
            return flow(x, (mean, fresh), at_t, at_s)
        before = past[-1]
        ahead = mean + (mean - before.mean) / 2, fresh + (fresh - before.at.noise_in(before.x, before.mean)) / 2
        return flow(x, ahead, at_t, at_s)


def flow(x: Tensor, direction: tuple[Tensor, Tensor], at_t: Moment, at_s: Moment) -> Tensor:
    """x moved by x̂ Δα + ε̂ Δσ.

    Args:
        x: Where it is at t.
        direction: x̂ and ε̂.
        at_t: The time left.
        at_s: The time reached.
    """
    mean, noise = direction
    return x + (at_s.alpha - at_t.alpha) * mean + (at_s.sigma - at_t.sigma) * noise


def even_angles(schedule: Schedule, steps: int) -> Float[Tensor, " steps"]:
    """Times from t_max to 0 in steps equal in the angle arctan(2σ/α).

    Data of about unit variance change at an even pace along it, whatever the schedule's own clock.

    Args:
        schedule: The schedule.
        steps: How many.
    """
    alpha, sigma = schedule(torch.tensor(schedule.t_max, dtype=torch.float64))
    angles = torch.linspace(math.atan2(2 * sigma.item(), alpha.item()), 0, steps + 1, dtype=torch.float64)
    between = schedule.time(-2 * (angles[1:-1].tan() / 2).log())
    return torch.cat([angles.new_tensor([schedule.t_max]), between, angles.new_zeros(1)])


NAMED: dict[str, type[Sampler]] = {
    "ancestral": Ancestral,
    "ddim": DDIM,
    "euler": Euler,
    "heun": Heun,
    "multistep": Multistep,
}


def sampler_named(name: str, steps: int | None = None) -> Sampler:
    """The sampler of a name.

    Args:
        name: ancestral, ddim, euler, heun or multistep.
        steps: Its steps; by default its own number.

    Raises:
        ValueError: If there is none of that name.

    Example:
        >>> sampler_named("heun")
        Heun(steps=25)
    """
    if name not in NAMED:
        raise ValueError(f"A sampler must be one of {', '.join(NAMED)}, got {name!r}. Choose one of them.")
    return NAMED[name]() if steps is None else NAMED[name](steps)
