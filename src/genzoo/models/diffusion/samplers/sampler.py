"""What all samplers share: the loop, and the flow that they follow where no noise is fresh.

A sampler sees the model only as `denoise(x_t, t, given)` = E[x | x_t, given], and the schedule only at the two ends of
a step. The loop stands once, in `Sampler`; a method is a `step`. Without fresh noise a step follows the
probability-flow equation

$$ dx_t = \\hat x\\,d\\alpha + \\hat\\varepsilon\\,d\\sigma,
   \\qquad \\hat\\varepsilon = \\frac{x_t - \\alpha\\hat x}{\\sigma}, $$

whose solutions have the distribution of x_t at every time.
"""

import abc
import itertools
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from jaxtyping import Float
from torch import Tensor

from genzoo.core.abilities import Denoise
from genzoo.core.given import Given
from genzoo.core.noise import Noise
from genzoo.models.diffusion.samplers.grids import GRIDS, Grid
from genzoo.models.diffusion.schedule import Moment, Schedule

__all__ = ["Passed", "Past", "Sampler", "Watch", "flow", "half_log_snr"]


class Passed(NamedTuple):
    """A time gone by: when, where x was, and the mean of the data there."""

    at: Moment
    x: Tensor
    mean: Tensor

    @property
    def noise(self) -> Tensor:
        """ε̂, what is noise in x."""
        return self.at.noise_in(self.x, self.mean)


Past = Sequence[Passed]  # oldest first
Watch = Callable[[Passed], None]  # called at each time; what it raises ends the sampling


@dataclass(frozen=True)
class Sampler(abc.ABC):
    """A way from noise to data.

    Args:
        steps: Steps from t_max to 0.
        grid: Where they stop: a function or its name in `GRIDS`; by default what suits the sampler.

    Raises:
        ValueError: If there is no step, or no grid of that name.

    Example:
        >>> import torch
        >>> from genzoo.models.diffusion import DDIM, Straight
        >>> def one(x_t, t, given):
        ...     return torch.ones_like(x_t)  # all data are 1
        >>> times = []
        >>> DDIM(steps=4)(one, Straight(), torch.zeros(3, 1), {}, Noise(0), lambda passed: times.append(passed.at.t))
        tensor([[1.],
                [1.],
                [1.]])
        >>> times
        [tensor(1.), tensor(0.7500), tensor(0.5000), tensor(0.2500)]
    """

    calls: ClassVar[int] = 1  # of the network, in a step
    memory: ClassVar[int] = 0  # times that are kept for the steps to come
    steps: int = 50
    grid: Grid | str | None = None

    @property
    def is_fresh(self) -> bool:
        """Whether it draws noise on its way, as only those may that take x_t for a row with independent noise."""
        return False

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"A sampler needs at least one step, got {self.steps}. Take 50.")
        if isinstance(self.grid, str) and self.grid not in GRIDS:
            raise ValueError(f"A grid must be one of {', '.join(GRIDS)}, got {self.grid!r}. Choose one of them.")

    def __call__(
        self,
        denoise: Denoise,
        schedule: Schedule,
        x: Float[Tensor, "B *event"],
        given: Given,
        noise: Noise,
        watch: Watch | None = None,
    ) -> Float[Tensor, "B *event"]:
        """x at t = 0 from x at t_max.

        Args:
            denoise: E[x | x_t, given].
            schedule: The schedule.
            x: Noise at t_max.
            given: The condition.
            noise: Where fresh noise comes from.
            watch: Is shown each time that is passed, and ends the sampling by raising.
        """
        times = self.times(schedule).to(x.device, x.dtype)
        return self.along(times, lambda x, t: denoise(x, t, given), schedule, x, noise, watch)

    def times(self, schedule: Schedule) -> Float[Tensor, " times"]:
        """From t_max to 0."""
        grid = self.usual(schedule) if self.grid is None else self.grid
        return (GRIDS[grid] if isinstance(grid, str) else grid)(schedule, self.steps)

    def usual(self, schedule: Schedule) -> str:
        """The name of the grid that suits the sampler on a schedule."""
        return "uniform"

    def along(
        self,
        times: Float[Tensor, " times"],
        denoise: Callable[[Tensor, Tensor], Tensor],
        schedule: Schedule,
        x: Float[Tensor, "B *event"],
        noise: Noise,
        watch: Watch | None = None,
    ) -> Float[Tensor, "B *event"]:
        """x at the last of some times from x at the first of them."""
        past: deque[Passed] = deque(maxlen=self.memory)
        for k, (t, s) in enumerate(itertools.pairwise(times)):
            x, at_t = self.stir(x, schedule.at(t), schedule, noise.at(k, "stir"))
            at_s, mean = schedule.at(s), denoise(x, at_t.t)
            x = self.refine(x, mean, at_t, past)
            now = Passed(at_t, x, mean)
            if watch is not None:
                watch(now)
            y = self.step(now, at_s, noise.at(k), past)
            past.append(now)
            x = self.correct(now, y, at_s, noise.at(k, "correct"), lambda y, s=s: denoise(y, s))  # type: ignore[misc]
        return x

    def stir(self, x: Tensor, at_t: Moment, schedule: Schedule, noise: Noise) -> tuple[Tensor, Moment]:
        """x at a noisier time from x at t, before anything is asked; by default x stays where it is."""
        return x, at_t

    def refine(self, x: Tensor, mean: Tensor, at_t: Moment, past: Past) -> Tensor:
        """x at t once more, now that the mean there is known; by default x stands as it is."""
        return x

    @abc.abstractmethod
    def step(self, now: Passed, at_s: Moment, noise: Noise, past: Past = ()) -> Tensor:
        """x at s from x at t and the mean of the data there, and the last `memory` times before, oldest first."""

    def correct(
        self, now: Passed, y: Tensor, at_s: Moment, noise: Noise, denoise: Callable[[Tensor], Tensor]
    ) -> Tensor:
        """x at s once more, after a look at `denoise(y)` there; by default y stands as it is."""
        return y


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


def half_log_snr(at: Moment) -> Tensor:
    """λ/2 = log α/σ, the clock of exponential integrators."""
    return at.log_snr / 2
