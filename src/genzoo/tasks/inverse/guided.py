"""Diffusions led by a measurement: every mean of the data on the way is that given what was measured, nearly.

$$ \\mathbb E[x \\mid x_t, y] = \\hat x + \\gamma\\,\\nabla_{x_t} \\log p(y \\mid x_t), \\qquad
   \\hat x = \\mathbb E[x \\mid x_t], \\quad \\gamma = \\sigma_t^2 / \\alpha_t, $$

is an identity; what nobody knows is $p(y \\mid x_t) = \\int p(y \\mid x)\\,p(x \\mid x_t)\\,dx$. Three heuristics take
$p(x \\mid x_t)$ for a Gaussian about x̂: with its true covariance $\\gamma\\,\\partial \\hat x/\\partial x_t$ (`mmps`),
with r² I, $r^2 = \\sigma_t^2 / (\\sigma_t^2 + \\alpha_t^2)$ (`pigdm`), or with none (`dps`). On Gaussian data the
first is exact; on separated modes all three are far off, and only particles are
right: see `genzoo.tasks.inverse.twisted`.

References:
    Rozet, Andry, Lanusse & Louppe, 2024, "Learning diffusion priors from observations by expectation maximization",
        arXiv:2405.13712 (moment matching posterior sampling, "mmps")
    Song, Vahdat, Mardani & Kautz, 2023, "Pseudoinverse-guided diffusion models for inverse problems" ("pigdm")
    Chung, Kim, Mccann, Klasky & Ye, 2023, "Diffusion posterior sampling for general noisy inverse problems",
        arXiv:2209.14687 ("dps")
"""

import abc
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.core.abilities import Denoise, Denoiser
from genzoo.core.given import Given
from genzoo.core.model import evaluating
from genzoo.tasks.inverse.measurement import Exact, Interval, Measurement, between, linearized
from genzoo.tasks.inverse.operator import conjugate_gradients, ways
from genzoo.tasks.inverse.posterior import Exactness
from genzoo.tasks.inverse.problem import Answer, Method, Problem, keywords, no_slope, refuse_diverged

__all__ = ["DPS", "MMPS", "Guided", "Led", "PiGDM", "Way", "denoising", "moment_matched"]

STEPS, ITERATIONS = 100, 3
NO_DENOISER = "the model has no denoiser"
FAINT = 1e-5  # α/σ below which x_t tells nothing
LEAST = 1e-3  # σ on [0, 1] below which V cannot be inverted in single precision


class Step(NamedTuple):
    """α and σ at two times, shaped to go with rows, and the law of x_s given x_t and the mean of the data."""

    alpha: Tensor
    sigma: Tensor
    of_x: Tensor
    of_mean: Tensor
    deviation: Tensor

    @property
    def gamma(self) -> Tensor:
        """γ at t."""
        return lever(self.alpha, self.sigma)

    def center(self, x: Tensor, mean: Tensor) -> Tensor:
        """E[x_s | x_t, x̂]."""
        return self.of_x * x + self.of_mean * mean


def lever(alpha: Tensor, sigma: Tensor) -> Tensor:
    """γ = σ²/α, which turns a slope in x_t into a change of the mean of x; 0 where x_t tells next to nothing of x.

    There slopes are as good as zero and γ as good as infinite, and their product is a network's rounding. A straight
    schedule begins at α = 0.

    Example:
        >>> lever(torch.tensor([0.0, 0.5]), torch.tensor([1.0, 0.5])).tolist()
        [0.0, 0.5]
    """
    faint = alpha < FAINT * sigma
    return torch.where(faint, 0.0, sigma.square() / alpha.masked_fill(faint, 1.0))


class Way:
    """From the last time of a schedule to the data in steps equal in the angle arctan(2σ/α), by draws of
    q(x_s | x_t, x̂).

    Args:
        schedule: A denoiser's.
        steps: How many.
        like: A tensor of the precision and place of the rows.

    Raises:
        ValueError: If there are fewer than 2 steps.
    """

    def __init__(self, schedule: Any, steps: int, like: Tensor) -> None:
        if steps < 2:
            raise ValueError(f"`steps` must be at least 2, got {steps}. Take 50 or more.")
        last = torch.tensor(schedule.t_max, dtype=torch.float64)
        alpha, sigma = (part.detach().cpu() for part in schedule(last.to(like.device)))
        angles = torch.linspace(math.atan2(2 * sigma.item(), alpha.item()), 0, steps + 1, dtype=torch.float64)
        between = schedule.time(-2 * (angles[1:-1].tan() / 2).log().to(like.device)).double().cpu()
        self.t = torch.cat([last[None], between, torch.zeros(1, dtype=torch.float64)]).to(like.device)
        marks = schedule(self.t)
        self.alpha, self.sigma = (part.detach().double() for part in marks)
        self.like = like

    def __len__(self) -> int:
        return len(self.t) - 1

    def time(self, k: int) -> Tensor:
        """The k-th time."""
        return self.t[k].to(self.like)

    def step(self, k: int) -> Step:
        """From the k-th time to the next."""
        (a_t, a_s), (s_t, s_s) = self.alpha[k : k + 2], self.sigma[k : k + 2]
        ratio = a_t / a_s
        added = (s_t.square() - ratio.square() * s_s.square()).clamp_min(0)
        parts = (a_t, s_t, ratio * s_s.square() / s_t.square(), a_s * added / s_t.square(), added.sqrt() * s_s / s_t)
        return Step(*(part.to(self.like) for part in parts))

    def blurred(self, k: int, x: Tensor, fresh: Tensor) -> Tensor:
        """Rows of the data at the k-th time, α x + σ ε.

        Args:
            k: Which.
            x: The rows.
            fresh: Standard normal noise.
        """
        return self.alpha[k].to(self.like) * x + self.sigma[k].to(self.like) * fresh

    def moved(self, k: int, x: Tensor, mean: Tensor, before: Tensor, fresh: Tensor) -> Tensor:
        """x at the next time.

        Args:
            k: The number of the step.
            x: Where it is.
            mean: The mean of the data there.
            before: That of the step before.
            fresh: Standard normal noise.
        """
        step = self.step(k)
        if 0 < k < len(self) - 1:
            mean = mean + self._carry(k) * (mean - before)
        return step.center(x, mean) + step.deviation * fresh

    def _carry(self, k: int) -> float:
        """Half of a step over the one before, in log α/σ."""
        past, now, to = (self.alpha[k - 1 : k + 2] / self.sigma[k - 1 : k + 2]).log().tolist()
        return (to - now) / (now - past) / 2 if math.isfinite(past) else 0.0


def denoising(model: Any) -> tuple[Denoiser, Callable[[Measurement], Measurement]]:
    """A model's denoiser, and the way from measurements of numbers to those of what the denoiser's means show."""
    denoiser: Denoiser = model.able(Denoiser)
    if tuple(denoiser.shape) == model.space.shape:
        scale, shift = between(denoiser.numbers, model.space, model.dtype, model.device)
        return denoiser, lambda measurement: measurement.on(scale, shift)
    half = 0.5 if model.space.is_discrete else 1.0  # of what latents decode to: levels in [−1, 1], or reals
    return denoiser, lambda measurement: measurement.on(half, 1 - half)


def near(
    measurement: Measurement, denoiser: Denoiser, mean: Tensor, given: Given
) -> tuple[Tensor, Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]:
    """A of what a mean shows, and the products with H and Hᵀ, A's Jacobian there."""
    shows = type(denoiser).seen is not Denoiser.seen
    if shows:

        def seen(m: Tensor) -> Tensor:
            return measurement.seen(denoiser.seen(m, given))

        return seen(mean), *linearized(seen, mean)
    return measurement.seen(mean), *measurement.linear(mean)


def moment_matched(
    denoise: Denoise,
    denoiser: Denoiser,
    measurement: Measurement,
    *,
    iterations: int = ITERATIONS,
    isotropic: bool = False,
    tilt: Callable[[Tensor], Tensor] | None = None,
) -> Denoise:
    """E[x | x_t, y] for x given x_t a Gaussian of its true mean and covariance,

    $$ \\hat x + \\gamma J H^\\top v, \\qquad (R + \\gamma H J H^\\top)\\,v = y - A(\\hat x), \\qquad
       J = \\partial \\hat x / \\partial x_t, $$

    v by a few conjugate gradients, and what J makes of v summed on the way: one call of the network for a mean,
    and a derivative for each iteration.

    Args:
        denoise: What is wrapped.
        denoiser: A model's, for its schedule and for what a mean shows.
        measurement: What was measured, in the numbers that means are told in.
        iterations: Of conjugate gradients.
        isotropic: Whether the covariance is r² I instead, for v: one derivative in all ("pigdm").
        tilt: The slope, at a mean, of a cost by whose $e^{-cost}$ p(x | y) is tilted: x̂ is moved against the
            covariance times it before y is looked at, and no entry further than r.

    Example:
        >>> from genzoo.core import Space
        >>> from genzoo.models.diffusion import Diffusion, Predicts, Straight
        >>> from genzoo.nn import MLP, Timed
        >>> from genzoo.tasks.inverse import Gaussian, Identity, Measurement
        >>> net = Timed(MLP(2, [8], 2, given=4), 4)
        >>> model = Diffusion(Space((2,)), None, net, schedule=Straight(), predicts=Predicts.VELOCITY)
        >>> seen = Measurement(Identity((2,)), torch.tensor([[1.0, -1.0]]), Gaussian(0.01))
        >>> led = lambda denoise: moment_matched(denoise, model.able(Denoiser), seen)
        >>> model.sample(1, seed=0, wrap=led, steps=20).shape
        torch.Size([1, 2])
    """
    schedule = denoiser.schedule

    def led(x_t: Tensor, t: Tensor, given: Given) -> Tensor:
        alpha, sigma = (part.reshape(-1, *[1] * (x_t.ndim - 1)).to(x_t) for part in schedule(t))
        gamma, spread = lever(alpha, sigma), sigma.square() / (sigma.square() + alpha.square())
        with torch.enable_grad():
            x = x_t.detach().requires_grad_()
            mean = denoise(x, t, given)

        def covariance(w: Tensor) -> Tensor:
            return gamma * torch.autograd.grad(mean, x, w, retain_graph=True, materialize_grads=True)[0]

        center = mean.detach()
        if tilt is not None:
            center = center - _within(covariance(tilt(center)), spread.sqrt())
        at, along, back = near(measurement, denoiser, center, given)
        variance, off = measurement.noise.variance(at), (measurement.y.to(at) - at).detach()
        if isotropic:
            solved = conjugate_gradients(lambda v: variance * v + along(spread * back(v)), off, 20)
            return center + covariance(back(solved))
        moved: list[Tensor] = []

        def assumed(v: Tensor) -> Tensor:
            moved.append(covariance(back(v)))
            return variance * v + along(moved[-1])

        steps = [step.reshape(-1, *[1] * (mean.ndim - 1)) for step, _ in ways(assumed, off, iterations)]
        return center + sum(step * part for step, part in zip(steps, moved, strict=False))

    return led


def _within(move: Float[Tensor, "B *event"], most: Tensor) -> Float[Tensor, "B *event"]:
    """Moves made shorter where an entry would go further than it may: a slope is that of one place, not of all on the
    way."""
    furthest = move.abs().flatten(1).amax(1).reshape(-1, *[1] * (move.ndim - 1))
    return move * (most / furthest.clamp_min(1e-12)).clamp_max(1)


class Led(NamedTuple):
    """A denoiser, what was measured in the numbers of its means, and what rows are given."""

    denoiser: Denoiser
    measurement: Measurement
    given: Given
    way: Way

    def looked(self, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """x_t with a graph, and the mean of the data."""
        with torch.enable_grad():
            x = x_t.detach().requires_grad_()
            return x, self.denoiser.denoise(x, t, self.given)


class Guided(Method):
    """A diffusion whose steps are led by the measurement.

    Steps are draws of q(x_s | x_t, D), D being the mean of the data carried half a step on along its change since the
    time before: of second order, at no further call. Of a Gaussian 50 such steps leave the spread within 3 %, where 50
    steps by the mean alone make it 8 % too narrow.

    References:
        Lu et al., 2022, "DPM-Solver++: fast solver for guided sampling of diffusion probabilistic models",
            arXiv:2211.01095 (SDE-DPM-Solver++(2M))
    """

    def exactness(self, problem: Problem) -> Exactness:
        return Exactness.APPROXIMATE

    def cost(self, problem: Problem) -> int:
        return STEPS * 3

    def known(self) -> frozenset[str]:
        return super().known() | keywords(type(self).mean)

    def why_not(self, problem: Problem) -> str:
        return no_slope(problem.measurement) if problem.model.ability(Denoiser) is not None else NO_DENOISER

    def run(self, problem: Problem, n: int, seed: int, *, steps: int = STEPS, **options: Any) -> Answer:
        """Draws.

        Args:
            problem: What is to be solved.
            n: How many draws.
            seed: Names them.
            steps: From noise to data.
            options: Those of `mean`.
        """
        denoiser, on = denoising(problem.model)
        rows = problem.times(n)
        noise = rows.noise(seed, self.name)
        x = denoiser.start(len(rows), noise.at("start"))
        led = Led(denoiser, on(rows.measurement), rows.given, Way(denoiser.schedule, steps, x))
        walk, before = noise.at("steps"), x
        with torch.no_grad(), evaluating(problem.model):
            for k in range(steps):
                mean, kick = self.mean(led, x, led.way.time(k), **options)
                fresh = walk.at(k).normal(*x.shape, dtype=x.dtype)
                x = led.way.moved(k, x, mean, before, fresh)
                x, before = x if kick is None else x - kick, mean
        refuse_diverged(x, self.name)
        return Answer(denoiser.numbers.back(x), self.cost(problem) * steps // STEPS)

    @abc.abstractmethod
    def mean(
        self, led: Led, x: Float[Tensor, "B *event"], t: Tensor, *_: Any, **options: Any
    ) -> tuple[Float[Tensor, "B *event"], Tensor | None]:
        """The mean of the data at a time, and what is taken from x after the step."""


class MMPS(Guided):
    """Moment matching: the covariance of x given x_t is the denoiser's own."""

    name = "mmps"

    def cost(self, problem: Problem) -> int:
        return STEPS * (1 + 2 * ITERATIONS)

    def why_not(self, problem: Problem) -> str:
        measurement = problem.measurement
        if not isinstance(measurement.noise, Exact | Interval):
            least = measurement.noise.variance(measurement.y).sqrt().min().item()
            if least < LEAST:
                return f"its noise of {least:.2g} is below {LEAST:g}, which single precision cannot invert"
        return super().why_not(problem)

    def mean(
        self, led: Led, x: Float[Tensor, "B *event"], t: Tensor, *, iterations: int = ITERATIONS
    ) -> tuple[Float[Tensor, "B *event"], Tensor | None]:
        found = moment_matched(led.denoiser.denoise, led.denoiser, led.measurement, iterations=iterations)
        return found(x, t, led.given), None


class PiGDM(Guided):
    """The same with a covariance r² I."""

    name = "pigdm"

    def mean(
        self, led: Led, x: Float[Tensor, "B *event"], t: Tensor, *_: Any, **options: Any
    ) -> tuple[Float[Tensor, "B *event"], Tensor | None]:
        found = moment_matched(led.denoiser.denoise, led.denoiser, led.measurement, isotropic=True)
        return found(x, t, led.given), None


class DPS(Guided):
    """A step as if nothing had been measured, then one down the slope of the misfit, ζ ∇‖y − A(x̂)‖."""

    name = "dps"

    def mean(
        self, led: Led, x: Float[Tensor, "B *event"], t: Tensor, *, zeta: float = 1.0
    ) -> tuple[Float[Tensor, "B *event"], Tensor | None]:
        x, mean = led.looked(x, t)
        with torch.enable_grad():
            seen = led.measurement.seen(led.denoiser.seen(mean, led.given))
            misfit = (led.measurement.y.to(seen) - seen).square().flatten(1).sum(1).clamp_min(1e-20).sqrt()
            (slope,) = torch.autograd.grad(misfit.sum(), x)
        return mean.detach(), zeta * slope
