"""Gibbs's sampler with what was measured held: of models that are drawn entry by entry given the rest.

$$ x_i \\sim p(x_i \\mid x_{-i})\\,p(y_i \\mid x_i) / Z. $$
"""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from genzoo.core.given import Given
from genzoo.core.model import GenerativeModel, evaluating
from genzoo.mcmc import Kernel, rhat, run
from genzoo.tasks.inverse.ahead import evidence
from genzoo.tasks.inverse.operator import Identity
from genzoo.tasks.inverse.pixels import Mask
from genzoo.tasks.inverse.posterior import Exactness
from genzoo.tasks.inverse.problem import Answer, Method, Problem

__all__ = ["Gibbs", "SweepingLike"]

SWEEPS, CHAINS = 300, 4


@runtime_checkable
class SweepingLike(Protocol):
    """What has sweeps of rows that are seen through noise."""

    kernel: Callable[[Tensor, Given], Kernel]


class Gibbs(Method):
    """Chains whose measured entries are held, or drawn toward what was measured."""

    name = "gibbs"

    def exactness(self, problem: Problem) -> Exactness:
        return Exactness.ASYMPTOTIC

    def cost(self, problem: Problem) -> int:
        return SWEEPS

    def rows(self, problem: Problem, **options: Any) -> int:
        return CHAINS

    def why_not(self, problem: Problem) -> str:
        if not isinstance(problem.measurement.operator, Mask | Identity):
            return "entries are not measured one by one"
        return "" if _sweeping(problem.model) is not None else "the model has no sweeps"

    def run(self, problem: Problem, n: int, seed: int, *, sweeps: int = SWEEPS) -> Answer:
        """Draws, each the end of a chain of its own; four chains at least, for R̂.

        Args:
            problem: What is to be solved.
            n: How many draws.
            seed: Names them.
            sweeps: Of a chain.

        Raises:
            ValueError: If a measurement is impossible, or there are fewer than 8 sweeps.
        """
        if sweeps < 8:
            raise ValueError(f"`sweeps` must be at least 8, got {sweeps}. Take a few hundred.")
        model, chains = problem.model, max(n, CHAINS)
        found = _sweeping(model)
        assert found is not None
        rows = problem.times(chains)
        noise, known = rows.noise(seed, self.name), evidence(model, rows.measurement)
        impossible = ~known.isfinite().any(2)
        if bool(impossible.any()):
            row, entry = impossible.nonzero()[0].tolist()
            raise ValueError(
                f"A measurement must be one of some value, got one of none: entry {entry} of row {row // chains}. "
                "Check its range, or tell the noise."
            )
        start = noise.at("start").categorical(known)
        with torch.no_grad(), evaluating(model):
            trace = run(found.kernel(known, rows.given), start, noise.at("sweeps"), sweeps, keep=_told)
        told = trace.x[sweeps // 2 :].view(sweeps - sweeps // 2, len(problem), chains)
        worst = max(rhat(told[:, b] + 0.0).nan_to_num(1.0).item() for b in range(len(problem)))
        x = trace.state.x.view(len(problem), chains, -1)[:, :n].reshape(-1, *model.space.shape)
        return Answer(x.to(getattr(torch, model.space.dtype)), sweeps, None, {"rhat": worst})


def _told(state: Any) -> Tensor:
    """What R̂ is told of: the mean of the entries."""
    found: Tensor = state.x.flatten(1).double().mean(1)
    return found


def _sweeping(model: GenerativeModel) -> SweepingLike | None:
    if not model.space.is_discrete or model.space.columns is not None:
        return None
    return next((found for found in model.abilities() if isinstance(found, SweepingLike)), None)
