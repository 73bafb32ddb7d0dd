"""Symbol by symbol: each drawn from what the model says and what was measured of it, by weighted particles.

$$ x_i \\sim \\frac{q(v)\\,g_i(v)}{\\sum_u q(u)\\,g_i(u)}, \\quad q(v) = p(v \\mid x_{<i}),
   \\quad g_i(v) = p(y_i \\mid v), \\quad \\log w \\mathrel{+}= \\log \\sum_v q(v)\\,g_i(v), $$

is the best that can be done without looking ahead. Where all that was measured comes before anything that was not, and
without noise, weights do not differ and draws are exact; else they are right as particles grow, and the mean weight is
an unbiased estimate of p(y). What mixes entries, as means of squares do, is looked ahead to by a guess at those
that are still to be drawn (`genzoo.tasks.inverse.ahead`).

References:
    Doucet, Godsill & Andrieu, 2000, "On sequential Monte Carlo sampling methods for Bayesian filtering"
"""

import math
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from genzoo._like import is_like
from genzoo.core.abilities import Sequential
from genzoo.core.given import Given
from genzoo.core.model import evaluating
from genzoo.core.space import Space
from genzoo.distributions.levels import flattened, unflattened
from genzoo.tasks.importance import WeightsCollapsed, effective_sample_sizes, systematic
from genzoo.tasks.inverse.ahead import Ahead, Apart, Mixed
from genzoo.tasks.inverse.measurement import Exact
from genzoo.tasks.inverse.posterior import Exactness
from genzoo.tasks.inverse.problem import Answer, Method, Problem, is_apart, no_matrix
from genzoo.tasks.inverse.twisted import Particles, resampled

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
        return no_matrix(problem.measurement)

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
        ess = effective_sample_sizes(log_w).view(len(problem), -1).mean(1)
        if size > 1 and float(ess.min()) < LEAST and not allow_collapse:
            raise WeightsCollapsed(
                f"The particles of an island must be worth at least {LEAST:g}, got {float(ess.min()):.2g}. Raise "
                "`particles`, or pass allow_collapse=True to see what carries them."
            )
        index = systematic(log_w, 1, noise.at("last"))[:, 0] + size * torch.arange(len(log_w), device=log_w.device)
        log_z = (found.log_z + log_w.logsumexp(1) - math.log(size)).view(len(problem), -1)
        x = unflattened(found.x[index], model.space)
        return Answer(x, size, log_z.logsumexp(1) - math.log(n), {} if size == 1 else {"ess": ess})

    def _walked(self, chain: Any, rows: Problem, size: int, noise: Any) -> Particles:
        """Particles at the end of the order."""
        ahead: Ahead = (Apart if is_apart(rows.measurement) else Mixed)(rows.model, rows.measurement)
        log_w, levels = ahead.start(), rows.model.space.levels or 1
        log_z = log_w.new_zeros(len(rows) // size)
        now = Particles(torch.zeros(len(rows), 0, dtype=torch.int64, device=log_w.device), log_w, log_z)
        state, last, places = chain.begin(len(rows), rows.given), rows.model.space.dims - 1, _places(rows.model.space)
        for i in range(last + 1):
            before, each = ahead.said(places[i])
            both = chain.logits(state).double().log_softmax(-1)[:, :levels] + each
            now = now._replace(log_w=now.log_w + both.logsumexp(1) - before)
            if bool((now.by_island.amax(1) == -torch.inf).any()):
                raise ValueError(
                    f"A measurement must be possible under the model, got one of probability 0: entry {i}."
                )
            now, index = resampled(now, noise.at("again", i))
            if not torch.equal(index, torch.arange(len(index), device=index.device)):
                state, both = _of_rows(chain, state, now.x, index, rows.given), both[index]
            symbol = noise.at("symbol", i).categorical(both)
            ahead.take(places[i], index, symbol)
            now = now._replace(x=torch.cat([now.x, symbol[:, None]], 1))
            if i < last:
                state = chain.take(state, symbol)
        return now


def _of_rows(chain: Any, state: Any, x: Tensor, index: Tensor, given: Given) -> Any:
    """The state of particles that were drawn again: taken from the old one, or told anew where that cannot be."""
    if is_like(chain, SelectingLike):
        return chain.select(state, index)
    state = chain.begin(len(x), given)
    for symbol in x.unbind(1):
        state = chain.take(state, symbol)
    return state


def _places(space: Space) -> list[int]:
    """Where each entry of a model's order stands among the entries of a row."""
    found: list[int] = flattened(torch.arange(space.dims).reshape(1, *space.shape), space)[0].tolist()
    return found


def _is_prefix(problem: Problem) -> bool:
    """Whether what was measured comes before all that was not, and without noise."""
    measurement = problem.measurement
    counted = measurement.operator.counted
    if not is_apart(measurement) or not isinstance(measurement.noise, Exact) or counted is None:
        return False
    space = problem.model.space
    flat = counted.reshape(-1, space.dims)[:, _places(space)]
    return bool((flat[:, :-1] | ~flat[:, 1:]).all())
