"""Warm-up: finding a step size and masses before the chains count.

A kernel that changes with what it has seen is no longer Markov, so adaptation comes first and is then frozen. The step
size follows Nesterov's dual averaging: with acceptance $a_t$ and the wish δ,

$$ \\log \\epsilon_{t+1} = \\mu - \\frac{\\sqrt t}{\\gamma} \\frac{1}{t + t_0} \\sum_{s \\le t} (\\delta - a_s), $$

and what is kept in the end is the mean $\\log \\bar\\epsilon_{t+1} = t^{-\\kappa} \\log \\epsilon_{t+1} +
(1 - t^{-\\kappa}) \\log \\bar\\epsilon_t$. Masses are the inverse variances of what the chains visit, in windows that
double, as in Stan. All chains share what is learned.

References:
    Hoffman & Gelman, 2014, "The No-U-Turn Sampler", arXiv:1111.4246 (section 3.2)
    Carpenter et al., 2017, "Stan: a probabilistic programming language" (the windows)
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.core.noise import Noise
from genzoo.mcmc.kernel import Kernel

__all__ = ["DualAveraging", "Warm", "warm_up", "windows"]

GAMMA, T0, KAPPA = 0.05, 10.0, 0.75  # as Hoffman & Gelman have them
Make = Callable[[float, Tensor], Kernel]


class DualAveraging(NamedTuple):
    """The state of dual averaging.

    Attributes:
        log_step: log ε, what to try next.
        log_mean: log ε̄, what to keep in the end.
        error: The mean of δ − a, discounted at first.
        rounds: t.
        center: μ, ten times the first step.

    Example:
        >>> state = DualAveraging.start(1.0)
        >>> for _ in range(50):
        ...     state = state.after(min(1.0, 0.5 / state.step_size), 0.8)
        >>> 0.5 < math.exp(state.log_mean) < 0.8
        True
    """

    log_step: float
    log_mean: float
    error: float
    rounds: int
    center: float

    @classmethod
    def start(cls, step_size: float) -> "DualAveraging":
        """The beginning, at a step size of the right order."""
        return cls(math.log(step_size), 0.0, 0.0, 0, math.log(10 * step_size))

    @property
    def step_size(self) -> float:
        """ε, what to try next."""
        return math.exp(self.log_step)

    def after(self, accept: float, wish: float) -> "DualAveraging":
        """The state after a move that was accepted with some probability."""
        t = self.rounds + 1
        error = self.error + (wish - accept - self.error) / (t + T0)
        log_step = self.center - math.sqrt(t) / GAMMA * error
        share = t**-KAPPA
        return DualAveraging(log_step, share * log_step + (1 - share) * self.log_mean, error, t, self.center)


class Warm(NamedTuple):
    """What warm-up found.

    Attributes:
        kernel: The kernel, frozen.
        state: Where the chains are.
        step_size: ε̄.
        inverse_mass: The diagonal of M⁻¹, the variances of the entries.
    """

    kernel: Kernel
    state: Any
    step_size: float
    inverse_mass: Tensor


def warm_up(
    make: Make,
    x: Float[Tensor, "chains *event"],
    noise: Noise,
    *,
    steps: int = 500,
    accept: float = 0.8,
    step_size: float = 0.1,
) -> Warm:
    """Moves chains while it finds the step size and the masses of their kernel.

    Args:
        make: (step size, inverse mass) to a kernel; one without masses ignores them.
        x: Where the chains start.
        noise: Where randomness comes from.
        steps: How many moves.
        accept: δ, the mean acceptance to reach: 0.8 for `hmc`, 0.57 for `mala`, 0.23 for `random_walk`.
        step_size: Where to begin; a guess that is far off is corrected first.

    Raises:
        ValueError: If there are too few steps to learn from, or `accept` is not a probability.

    Example:
        >>> from genzoo.mcmc import hmc
        >>> scales = torch.tensor([0.1, 1.0, 10.0])
        >>> def make(epsilon, inverse_mass):
        ...     bell = lambda x: -(x / scales).square().sum(1) / 2
        ...     return hmc(bell, step_size=epsilon, steps=4, inverse_mass=inverse_mass)
        >>> warm = warm_up(make, torch.zeros(16, 3), Noise(0), steps=200)
        >>> warm.inverse_mass.log10().round().int().tolist()
        [-2, 0, 2]

    References:
        Hoffman & Gelman, 2014, arXiv:1111.4246
    """
    if steps < 20 or not 0 < accept < 1:
        raise ValueError(f"Warm-up takes 20 steps or more, and `accept` in (0, 1); got {steps} and {accept}.")
    inverse_mass = torch.ones_like(x[0])
    average = DualAveraging.start(reasonable(make, x, noise.at("reasonable"), accept, step_size))
    ends, seen = windows(steps), Seen.none(inverse_mass)
    for t in range(steps):
        kernel = make(average.step_size, inverse_mass)
        state = kernel.step(kernel.init(x), noise.tick(t))
        x, average = state.x, average.after(float(state.accept.mean()), accept)
        if ends[0] <= t < ends[-1]:
            seen = seen.and_those(x)
        if t + 1 in ends[1:]:
            inverse_mass, seen = seen.variance(), Seen.none(inverse_mass)
            average = DualAveraging.start(math.exp(average.log_mean))
    step_size = math.exp(average.log_mean)
    kernel = make(step_size, inverse_mass)
    return Warm(kernel, kernel.init(x), step_size, inverse_mass)


def reasonable(make: Make, x: Tensor, noise: Noise, accept: float, step_size: float) -> float:
    """A step size of the right order: doubled or halved until one move's acceptance crosses the wish.

    Example:
        >>> from genzoo.mcmc import random_walk
        >>> walk = lambda scale, _: random_walk(lambda x: -x.square().sum(1) / 2, scale=scale)
        >>> 0.2 < reasonable(walk, torch.zeros(64, 1), Noise(0), 0.5, 1e-3) < 8
        True
    """
    ones, up = torch.ones_like(x[0]), 0
    for t in range(50):
        kernel = make(step_size, ones)
        high = float(kernel.step(kernel.init(x), noise.tick(t)).accept.mean()) > accept
        if up and high != (up > 0):
            break
        up = 1 if high else -1
        step_size *= 2.0**up
    return step_size


def windows(steps: int) -> list[int]:
    """Where warm-up's windows for masses begin and end: 15 % before, 10 % after, each twice as long as the last.

    Example:
        >>> windows(500)
        [75, 100, 150, 250, 450]
    """
    first, last = round(0.15 * steps), steps - round(0.1 * steps)
    ends, width = [first], max(5, round(0.05 * steps))
    while ends[-1] + 3 * width <= last:  # a window that would leave less than the next one's length takes it all
        ends.append(ends[-1] + width)
        width *= 2
    return [*ends, last]


class Seen(NamedTuple):
    """What the chains of a window visited: how many rows, their mean, and squares around it."""

    rows: int
    mean: Tensor
    squares: Tensor

    @classmethod
    def none(cls, like: Tensor) -> "Seen":
        return cls(0, torch.zeros_like(like), torch.zeros_like(like))

    def and_those(self, x: Tensor) -> "Seen":
        """With more rows (Chan, Golub & LeVeque's update)."""
        rows, mean = self.rows + len(x), x.mean(0)
        off = mean - self.mean
        squares = self.squares + (x - mean).square().sum(0) + off.square() * (self.rows * len(x) / rows)
        return Seen(rows, self.mean + off * (len(x) / rows), squares)

    def variance(self) -> Tensor:
        """The variances, drawn toward 1e-3 as Stan does where little was seen."""
        n = self.rows
        return (n / (n + 5)) * self.squares / max(1, n - 1) + 1e-3 * 5 / (n + 5)
