"""Products of two models: the first solved for its part, weighted by how well the second explains its own.

$$ a_j \\sim p(a \\mid y_a), \\qquad w_j = p(y_b \\mid a_j), \\qquad b \\sim p(b \\mid a, y_b), \\qquad
   p(y) \\approx p(y_a)\\,\\frac1P \\sum_j w_j. $$

Each part is solved by whatever suits it, if the second's way tells its evidence.
"""

import math
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from genzoo._like import is_like
from genzoo.core.given import Given
from genzoo.core.model import GenerativeModel, Unsupported
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.tasks.importance import WeightsCollapsed, effective_sample_sizes, systematic
from genzoo.tasks.inverse.measurement import Exact, Gaussian, Measurement
from genzoo.tasks.inverse.operator import Identity
from genzoo.tasks.inverse.pixels import Mask
from genzoo.tasks.inverse.posterior import Exactness, Posterior
from genzoo.tasks.inverse.problem import Answer, Method, Problem

__all__ = ["Parts", "ProductLike"]

PARTICLES, LEAST = 64, 2.0


@runtime_checkable
class ProductLike(Protocol):
    """p(a | given) p(b | a, given), a and b being entries of x laid flat."""

    first: GenerativeModel
    second: GenerativeModel
    first_entries: Tensor
    second_entries: Tensor

    def rule(self, a: Tensor, given: Given) -> Given:
        """What the second part is given."""

    def joined(self, a: Tensor, b: Tensor) -> Tensor:
        """Parts put together."""


class Parts(Method):
    """A product of two models, whose entries are seen one by one.

    Args:
        solve: How a part is solved.
    """

    name = "joint"

    def __init__(self, solve: Callable[..., Posterior]) -> None:
        self.solve = solve

    def exactness(self, problem: Problem) -> Exactness:
        return Exactness.ASYMPTOTIC

    def cost(self, problem: Problem) -> int:
        return PARTICLES

    def rows(self, problem: Problem, **options: Any) -> int:
        return int(options.get("particles", PARTICLES))

    def why_not(self, problem: Problem) -> str:
        model, measurement = problem.model, problem.measurement
        if not is_like(model, ProductLike):
            return "the model is no product of two"
        if not isinstance(measurement.operator, Mask | Identity):
            return "entries are not measured one by one"
        units = {_top(model.space) / _top(part.space) for part in (model.first, model.second)}
        if not isinstance(measurement.noise, Exact | Gaussian) and units != {1.0}:
            return "the parts are in other units, which this noise is not told in"
        return ""

    def run(
        self, problem: Problem, n: int, seed: int, *, particles: int = PARTICLES, allow_collapse: bool = False
    ) -> Answer:
        """Draws, each from particles of its own.

        Args:
            problem: What is to be solved.
            n: How many draws.
            seed: Names them.
            particles: For each draw.
            allow_collapse: Whether draws are given that a single particle carries.

        Raises:
            Unsupported: If the second part is solved by a way that tells no evidence.
            WeightsCollapsed: If the particles of a measurement are worth fewer than two.
        """
        model: Any = problem.model
        count, rows = n * particles, problem.times(n * particles)
        seen_a = _part(problem, model.first.space, model.first_entries)
        seen_b = _part(rows, model.second.space, model.second_entries)
        seeds = Noise(seed, "solve", self.name).integers(1 << 31, 2).tolist()  # or both would draw by the same numbers
        found_a = self.solve(model.first, seen_a, n=count, given=problem.given, seed=seeds[0], start=problem.start)
        a = found_a.x.transpose(0, 1).flatten(0, 1)
        rule = model.rule(a, rows.given)
        found_b = self.solve(model.second, seen_b, n=1, given=rule, seed=seeds[1], start=rows.start)
        evidence_a = _evidence(model.first, found_a, found_a.x[0], problem.given)
        log_w = _evidence(model.second, found_b, found_b.x[0], rule).double().view(-1, particles)
        ess = effective_sample_sizes(log_w).view(len(problem), n).mean(1)
        if float(ess.min()) < min(LEAST, particles) and not allow_collapse:
            raise WeightsCollapsed(
                f"The particles of a measurement must be worth at least {LEAST:g}, got {float(ess.min()):.2g}. Raise "
                "`particles`, or pass allow_collapse=True to see what carries them."
            )
        noise = rows.noise(seed, self.name)
        index = systematic(log_w, 1, noise)[:, 0] + particles * torch.arange(len(log_w), device=log_w.device)
        x = model.joined(a[index], found_b.x[0][index]).to(getattr(torch, model.space.dtype))
        log_z = (log_w.logsumexp(1) - math.log(particles)).view(len(problem), n).logsumexp(1) - math.log(n)
        return Answer(x, found_a.calls + found_b.calls * particles, evidence_a.double() + log_z, {"ess": ess})


def _part(problem: Problem, space: Space, entries: Tensor) -> Measurement:
    """What was seen of some entries, in the numbers of their own model."""
    measurement, ratio = problem.measurement, _top(problem.model.space) / _top(space)
    y = measurement.y.flatten(1)[:, entries].reshape(-1, *space.shape) * ratio
    noise = measurement.noise
    if isinstance(noise, Gaussian) and ratio != 1:
        noise = Gaussian(torch.as_tensor(noise.sigma) * ratio)
    counted = measurement.operator.counted
    if counted is None:
        return Measurement(Identity(space.shape), y, noise)
    known = counted.reshape(-1, problem.model.space.dims)[:, entries].reshape(-1, *space.shape)
    by_row = measurement.operator.by_row
    return Measurement(Mask(known if by_row else known[0], by_row=by_row), y, noise)


def _evidence(
    model: GenerativeModel, found: Posterior, x: Shaped[Tensor, "B *event"], given: Given
) -> Float[Tensor, " B"]:
    """log p(y) of what was found: nothing where nothing was seen, the density where all was."""
    if found.log_evidence is not None:
        return found.log_evidence
    if found.method == "sample":
        return torch.zeros(len(x), dtype=torch.float64, device=x.device)
    if found.method == "measured":
        with torch.no_grad():
            return model.log_prob(x, given or None).double()
    raise Unsupported(f"A part of a product must be solved by a way that tells its evidence, got {found.method}.")


def _top(space: Space) -> float:
    """What 1 stands for: the highest level, or one unit of reals."""
    return float(max(1, (space.levels or 1) - 1)) if space.is_discrete else 1.0
