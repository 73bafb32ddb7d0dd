"""Symbol by symbol: each drawn from what the model says and what was measured of it, by weighted particles.

$$ x_i \\sim \\frac{q(v)\\,g_i(v)}{\\sum_u q(u)\\,g_i(u)}, \\quad q(v) = p(v \\mid x_{<i}),
   \\quad g_i(v) = p(y_i \\mid v), \\quad \\log w \\mathrel{+}= \\log \\sum_v q(v)\\,g_i(v), $$

is the best that can be done without looking ahead. Where all that was measured comes before anything that was not, and
without noise, weights do not differ and draws are exact; else they are right as particles grow, and the mean weight is
an unbiased estimate of p(y).

References:
    Doucet, Godsill & Andrieu, 2000, "On sequential Monte Carlo sampling methods for Bayesian filtering"
"""

import math
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from genzoo.core.abilities import Sequential
from genzoo.core.given import Given
from genzoo.core.model import evaluating
from genzoo.tasks.importance import WeightsCollapsed
from genzoo.tasks.inverse.gibbs import evidence
from genzoo.tasks.inverse.measurement import Exact
from genzoo.tasks.inverse.operator import Identity
from genzoo.tasks.inverse.pixels import Mask
from genzoo.tasks.inverse.posterior import Exactness
from genzoo.tasks.inverse.problem import Answer, Method, Problem
from genzoo.tasks.inverse.twisted import Particles, resampled, systematic

__all__ = ["Ancestral"]

PARTICLES, LEAST = 16, 2.0


@runtime_checkable
class SelectingLike(Protocol):
    """Conditionals over an order whose state can be had of some rows."""

    def select(self, state: Any, rows: Tensor) -> Any:
        """The state of some rows, of which one may come several times."""


class Ancestral(Method):
    """Particles along the order of a model."""

    name = "ancestral"

    def exactness(self, problem: Problem) -> Exactness:
        return Exactness.EXACT if _is_prefix(problem) else Exactness.ASYMPTOTIC

    def cost(self, problem: Problem) -> int:
        return 1 if _is_prefix(problem) else PARTICLES

    def rows(self, problem: Problem, **options: Any) -> int:
        return 1 if _is_prefix(problem) else int(options.get("particles", PARTICLES))

    def why_not(self, problem: Problem) -> str:
        space, found = problem.model.space, problem.model.ability(Sequential)
        if found is None or space.ragged or not space.is_discrete or space.columns is not None:
            return "the model has no conditionals over an order of levels"
        return (
            "" if isinstance(problem.measurement.operator, Mask | Identity) else "entries are not measured one by one"
        )

    def run(
        self, problem: Problem, n: int, seed: int, *, particles: int = PARTICLES, allow_collapse: bool = False
    ) -> Answer:
        """Draws, each from an island of its own.

        Args:
            problem: What is to be solved.
            n: How many draws.
            seed: Names them.
            particles: Of an island.
            allow_collapse: Whether draws are given that a single particle carries.

        Raises:
            WeightsCollapsed: If the particles of an island are worth fewer than two at the end.
        """
        size = 1 if _is_prefix(problem) else particles
        model, rows = problem.model, problem.times(n * size)
        chain, noise = model.able(Sequential), rows.noise(seed, self.name)
        with torch.no_grad(), evaluating(model):
            found = self._walked(chain, rows, size, noise)
        log_w = found.by_island
        ess = (1 / log_w.softmax(1).square().sum(1)).view(len(problem), -1).mean(1)
        if size > 1 and float(ess.min()) < LEAST and not allow_collapse:
            raise WeightsCollapsed(
                f"The particles of an island must be worth at least {LEAST:g}, got {float(ess.min()):.2g}. Raise "
                "`particles`, or pass allow_collapse=True to see what carries them."
            )
        index = systematic(log_w, 1, noise.at("last"))[:, 0] + size * torch.arange(len(log_w), device=log_w.device)
        log_z = (found.log_z + log_w.logsumexp(1) - math.log(size)).view(len(problem), -1)
        x = found.x[index].reshape(-1, *model.space.shape).to(getattr(torch, model.space.dtype))
        return Answer(x, size, log_z.logsumexp(1) - math.log(n), {} if size == 1 else {"ess": ess})

    def _walked(self, chain: Any, rows: Problem, size: int, noise: Any) -> Particles:
        """Particles at the end of the order."""
        known = evidence(rows.model, rows.measurement).double()
        weightless = known.new_zeros(len(rows))
        now = Particles(torch.zeros(len(rows), 0, dtype=torch.int64), weightless, weightless[: len(rows) // size])
        state = chain.begin(len(rows), rows.given)
        for i in range(known.shape[1]):
            both = chain.logits(state).double().log_softmax(-1)[:, : known.shape[2]] + known[:, i]
            now = now._replace(log_w=now.log_w + both.logsumexp(1))
            if bool((now.by_island.amax(1) == -torch.inf).any()):
                raise ValueError(
                    f"A measurement must be possible under the model, got one of probability 0: entry {i}."
                )
            if size > 1:
                now, index = resampled(now, noise.at("again", i))
                if not torch.equal(index, torch.arange(len(index), device=index.device)):
                    state, both = _of_rows(chain, state, now.x, index, rows.given), both[index]
            symbol = noise.at("symbol", i).categorical(both)
            now = now._replace(x=torch.cat([now.x, symbol[:, None]], 1))
            if i + 1 < known.shape[1]:
                state = chain.take(state, symbol)
        return now


def _of_rows(chain: Any, state: Any, x: Tensor, index: Tensor, given: Given) -> Any:
    """The state of particles that were drawn again: taken from the old one, or told anew where that cannot be."""
    if isinstance(chain, SelectingLike):
        return chain.select(state, index)
    state = chain.begin(len(x), given)
    for symbol in x.unbind(1):
        state = chain.take(state, symbol)
    return state


def _is_prefix(problem: Problem) -> bool:
    """Whether what was measured comes before all that was not, and without noise."""
    measurement = problem.measurement
    counted = measurement.operator.counted
    if not isinstance(measurement.noise, Exact) or counted is None:
        return False
    flat = counted.reshape(-1, math.prod(problem.model.space.shape))
    return bool((flat[:, :-1] | ~flat[:, 1:]).all())
