"""Twisted particles: a diffusion led by a measurement, whose particles are weighted for what leading them got wrong.

A heuristic leads each step, and its error is known: the step that was made has one probability under the model and
another under the heuristic. With twists $\\psi_t(x_t) \\approx p(y \\mid x_t)$ a particle's weight changes by

$$ \\frac{w_s}{w_t} = \\frac{q(x_s \\mid x_t, \\hat x)\\;\\psi_s(x_s)}
   {q(x_s \\mid x_t, \\hat x + \\gamma \\nabla \\log \\psi_t)\\;\\psi_t(x_t)}, \\qquad
   \\psi_t = N(y; A \\hat x, V_t), \\quad V_t = R + r_t^2 A A^\\top, $$

and ends in p(y | x). Whatever ψ is, weighted particles are draws of p(x | y) as they become many; a good ψ makes few
do. The mean weight is an unbiased estimate of p(y).

References:
    Wu, Trippe, Naesseth, Blei & Cunningham, 2023, "Practical and asymptotically exact conditional sampling in
        diffusion models", arXiv:2306.17775
"""

import math
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from genzoo.core.abilities import Denoiser
from genzoo.core.model import evaluating
from genzoo.core.noise import Noise
from genzoo.tasks.importance import WeightsCollapsed, effective_sample_sizes, systematic
from genzoo.tasks.inverse.guided import NO_DENOISER, STEPS, Led, Step, Way, denoising
from genzoo.tasks.inverse.measurement import Exact, Measurement
from genzoo.tasks.inverse.operator import Linear
from genzoo.tasks.inverse.posterior import Exactness
from genzoo.tasks.inverse.problem import Answer, Method, Problem, no_slope, refuse_diverged

__all__ = ["Twisted", "resampled"]

PARTICLES, MOST = 16, 1024  # of an island; entries of y up to which A Aᵀ is taken apart
LEAST = 2.0  # draws that the particles of a measurement must be worth


class Twist(NamedTuple):
    """log N(y; A x̂, R + r² A Aᵀ), up to a constant of y, in a basis where both are diagonal.

    Attributes:
        measurement: What was measured.
        basis: Eigenvectors of A Aᵀ; None where it is diagonal already, or taken for it.
        values: Its eigenvalues, or its diagonal.
    """

    measurement: Measurement
    basis: Tensor | None
    values: Tensor

    @classmethod
    def of(cls, measurement: Measurement, like: Tensor) -> "Twist":
        """The twist of a measurement; near any x, if its operator is not linear."""
        operator, scale = measurement.operator, torch.as_tensor(measurement.scale)
        ones = torch.ones(operator.range)
        if not isinstance(operator, Linear):
            return cls(measurement, None, ones.to(like))
        plain = scale.square().mean()  # of entries in units of their own, about
        if (gram := operator.gram()) is not None:
            return cls(measurement, None, (plain * gram.to(scale)).to(like))
        if math.prod(operator.range) <= MOST and operator.counted is None and not operator.by_row:
            matrix = operator.matrix() * scale.double().flatten().expand(math.prod(operator.domain))
            values, basis = torch.linalg.eigh(matrix @ matrix.T)
            return cls(measurement, basis.to(like), values.to(like))
        return cls(measurement, None, _diagonal(operator, like) * plain.to(like))

    def log_prob(self, mean: Float[Tensor, "B *event"], spread: Tensor) -> Float[Tensor, " B"]:
        """log ψ of means that are off by r² I.

        Args:
            mean: x̂, as A sees it.
            spread: r².
        """
        y = self.measurement.y.to(mean)
        off, noise = y - mean, self.measurement.noise.variance(mean.detach())
        if self.basis is None:
            total = noise + spread * self.values
            return self.measurement.summed(-off.square() / (2 * total) - total.log() / 2)
        total = noise.flatten(1).mean(1, keepdim=True) + spread.flatten(1) * self.values
        turned = off.flatten(1) @ self.basis
        return (-turned.square() / (2 * total) - total.log() / 2).sum(1)


def _diagonal(operator: Linear, like: Tensor, probes: int = 16) -> Float[Tensor, " *range"]:
    """The diagonal of A Aᵀ, told by random signs s from the mean of s ⊙ A Aᵀ s."""
    signs = 1 - 2 * Noise(0, "diagonal").integers(2, probes, *operator.range).to(like)
    return (signs * operator(operator.adjoint(signs))).mean(0).clamp_min(1e-12)


class Particles(NamedTuple):
    """Weighted particles in islands, those of one standing together.

    Attributes:
        x: (islands · P, *event).
        log_w: Their weights.
        log_z: Of each island, what has been forgotten of its weights.
    """

    x: Tensor
    log_w: Tensor
    log_z: Tensor

    @property
    def by_island(self) -> Float[Tensor, "islands P"]:
        """The weights, island by island."""
        return self.log_w.unflatten(0, (len(self.log_z), -1))


class Twisted(Method):
    """Particles led by a twist."""

    name = "twisted"

    def exactness(self, problem: Problem) -> Exactness:
        return Exactness.ASYMPTOTIC

    def cost(self, problem: Problem) -> int:
        return STEPS * 3 * PARTICLES

    def rows(self, problem: Problem, **options: Any) -> int:
        return int(options.get("particles", PARTICLES))

    def why_not(self, problem: Problem) -> str:
        if isinstance(problem.measurement.noise, Exact):
            return "what is known without noise gives particles no weight"
        return no_slope(problem.measurement) if problem.model.ability(Denoiser) is not None else NO_DENOISER

    def run(
        self,
        problem: Problem,
        n: int,
        seed: int,
        *,
        steps: int = STEPS,
        particles: int = PARTICLES,
        islands: int | None = None,
        allow_collapse: bool = False,
    ) -> Answer:
        """Draws, each from an island of its own if no fewer islands are asked for.

        Args:
            problem: What is to be solved.
            n: How many draws.
            seed: Names them.
            steps: From noise to data.
            particles: Of an island.
            islands: Of a measurement; draws of one island depend on each other.
            allow_collapse: Whether draws are given that a single particle carries.

        Raises:
            WeightsCollapsed: If the particles of a measurement are worth fewer than two.
        """
        count = n if islands is None else islands
        if particles < 2 or count < 1 or n % count:
            raise ValueError(
                f"There must be 2 particles or more and islands that part {n} draws evenly, got {particles} and "
                f"{count}. Leave `islands` out."
            )
        rows = problem.times(count * particles)
        denoiser, on = denoising(problem.model)
        noise = rows.noise(seed, self.name)
        x = denoiser.start(len(rows), noise.at("start"))
        led = Led(denoiser, on(rows.measurement), rows.given, Way(denoiser.schedule, steps, x))
        with torch.no_grad(), evaluating(problem.model):
            found = walked(led, particles, noise, steps)
        return _answer(problem, denoiser, found, noise, n, self.name, steps * 3 * particles, allow_collapse)


def walked(led: Led, size: int, noise: Noise, steps: int) -> Particles:
    """Particles from noise to data.

    Args:
        led: What leads them.
        size: The particles of an island.
        noise: A row for each.
        steps: How many.
    """
    start = noise.at("start")
    x = led.denoiser.start(len(led.measurement), start)
    twist = Twist.of(led.measurement, x)
    now = Particles(x, x.new_zeros(len(x)), x.new_zeros(len(x) // size))
    for k in range(steps):
        now = _stepped(led, twist, now, k, size, noise.at("steps", k))
    log_y = led.measurement.log_prob(led.denoiser.seen(now.x, led.given))
    return now._replace(log_w=now.log_w + log_y.to(now.log_w))


def _stepped(led: Led, twist: Twist, now: Particles, k: int, size: int, noise: Noise) -> Particles:
    """One step: the twist is looked at, particles are drawn again where few carry all, and moved."""
    step = led.way.step(k)
    x, mean = led.looked(now.x, led.way.time(k))
    spread = (step.sigma.square() / (step.sigma.square() + step.alpha.square())).reshape(1, *[1] * (mean.ndim - 1))
    with torch.enable_grad():
        log_psi = twist.log_prob(led.measurement.seen(led.denoiser.seen(mean, led.given)), spread)
        (slope,) = torch.autograd.grad(log_psi.sum(), x)
    now = now._replace(log_w=now.log_w + log_psi.detach())
    now, index = resampled(now, noise.at("again"))
    x, mean, log_psi = (part.detach()[index] for part in (x, mean, log_psi))
    last = k + 1 == len(led.way)
    drift = torch.zeros_like(mean) if last else step.gamma * slope[index]
    fresh = noise.normal(*x.shape, dtype=x.dtype)
    moved = step.center(x, mean + drift) + step.deviation * fresh
    return Particles(moved, now.log_w - log_psi + _ratio(step, drift, fresh), now.log_z)


def _ratio(step: Step, drift: Tensor, fresh: Tensor) -> Float[Tensor, " B"]:
    """log q(x_s | x_t, x̂) − log q(x_s | x_t, x̂ + drift), x_s being drawn from the second by fresh noise."""
    if float(step.deviation) == 0:
        return fresh.new_zeros(len(fresh))
    off = (step.of_mean / step.deviation) * drift
    return (-(off * fresh) - off.square() / 2).flatten(1).sum(1)


def resampled(now: Particles, noise: Noise) -> tuple[Particles, Int[Tensor, " rows"]]:
    """Particles drawn again by their weights where those of an island are worth less than half of them, as evenly as
    can be; and where each comes from.

    Args:
        now: The particles.
        noise: A row for each; an island takes the number of its first.
    """
    log_w = now.by_island
    islands, size = log_w.shape
    own = torch.arange(islands * size, device=log_w.device).view(islands, size)
    share = log_w.softmax(1)
    again = 1 / share.square().sum(1) < size / 2
    index = torch.where(again[:, None], own[:, :1] + systematic(log_w, size, noise), own).flatten()
    gone = log_w.logsumexp(1) - math.log(size)
    log_z = now.log_z + torch.where(again, gone, 0)
    kept = torch.where(again[:, None], 0.0, log_w).flatten()
    return Particles(now.x[index], kept, log_z), index


def _answer(
    problem: Problem, denoiser: Denoiser, found: Particles, noise: Noise, n: int, name: str, calls: int, allow: bool
) -> Answer:
    """n draws of each measurement from its islands."""
    refuse_diverged(found.x, name)
    log_w = found.by_island
    per = n // (len(log_w) // len(problem))
    size = log_w.shape[1]
    index = systematic(log_w, per, noise.at("last")) + size * torch.arange(len(log_w), device=log_w.device)[:, None]
    log_z = (found.log_z + log_w.logsumexp(1) - math.log(size)).double().view(len(problem), -1)
    ess = effective_sample_sizes(log_w).view(len(problem), -1).sum(1)
    worst = float(ess.min())
    if worst < LEAST and not allow:
        raise WeightsCollapsed(
            f"The particles of a measurement must be worth at least {LEAST:g}, got {worst:.2g}. Raise `particles` or "
            "`steps`, or pass allow_collapse=True to see what carries them."
        )
    evidence = log_z.logsumexp(1) - math.log(log_z.shape[1])
    return Answer(denoiser.numbers.back(found.x[index.flatten()]), calls, evidence, {"ess": ess})
