"""Gibbs's sampler with what was measured held: of models that are drawn entry by entry given the rest.

$$ x_i \\sim p(x_i \\mid x_{-i})\\,p(y_i \\mid x_i) / Z. $$

Where measurements mix entries, linearly and with Gaussian noise, those that meet in none of them have one color. Given
the rest, what was measured says of each of a color apart that

$$ \\log g_i(v) = (v - x_i)\\,\\big(A^\\top R^{-1} (y - A x)\\big)_i
   - \\tfrac12 (v - x_i)^2\\,\\big(A^\\top R^{-1} A\\big)_{ii}, $$

so a sweep is one of the model's for each color, all other entries being held. Chains are annealed, by a share of
$\\log g$ that grows over the first of their sweeps: of what is measured closely, single entries find no other mode.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from genzoo._like import first_like
from genzoo.core.given import Given
from genzoo.core.model import GenerativeModel, evaluating
from genzoo.core.noise import Noise
from genzoo.mcmc import Kernel, colors, rhat, run
from genzoo.mcmc.kernel import certain
from genzoo.tasks.inverse.ahead import evidence, laid_flat, values_of
from genzoo.tasks.inverse.posterior import Exactness
from genzoo.tasks.inverse.problem import Answer, Method, Problem, is_apart, no_matrix

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
        measurement = problem.measurement
        return SWEEPS * (1 if is_apart(measurement) else len(_colored(laid_flat(measurement)[0])))

    def rows(self, problem: Problem, **options: Any) -> int:
        return CHAINS

    def why_not(self, problem: Problem) -> str:
        return no_matrix(problem.measurement) if _sweeping(problem.model) is not None else "the model has no sweeps"

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
        noise, levels = rows.noise(seed, self.name), model.space.levels or 1
        if is_apart(rows.measurement):
            known = evidence(model, rows.measurement)
            _refuse_impossible(known, chains)
            kernel, start = found.kernel(known, rows.given), noise.at("start").categorical(known)
        else:
            kernel = _together(found, rows, sweeps // 3)
            start = noise.at("start").integers(levels, len(rows), model.space.dims)
        with torch.no_grad(), evaluating(model):
            trace = run(kernel, start, noise.at("sweeps"), sweeps, keep=_told)
        told = trace.x[sweeps // 2 :].view(sweeps - sweeps // 2, len(problem), chains, -1)
        worst = max(rhat(one).nan_to_num(1.0).item() for row in told.unbind(1) for one in row.unbind(2))
        x = trace.state.x.view(len(problem), chains, -1)[:, :n].reshape(-1, *model.space.shape)
        return Answer(x.to(getattr(torch, model.space.dtype)), sweeps, None, {"rhat": worst})


class Together(NamedTuple):
    """Chains of entries that are measured together.

    Attributes:
        inner: The model's own.
        x: Where they are, laid flat.
        accept: 1.
    """

    inner: Any
    x: Float[Tensor, "chains D"]
    accept: Float[Tensor, " chains"]


def _together(found: SweepingLike, rows: Problem, cold: int) -> Kernel:
    """Sweeps by colors of the measurement, in full from a number of sweeps on."""
    a, y, variance = laid_flat(rows.measurement)
    blocks, values = _colored(a), values_of(rows.model)
    free = torch.zeros(len(rows), a.shape[1], len(values), device=a.device)

    def init(x: Tensor) -> Together:
        return Together(found.kernel(free, rows.given).init(x), x, certain(x))

    def step(state: Together, noise: Noise) -> Together:
        share = min(1.0, (noise.page + 1) / max(1, cold)) ** 2
        inner = state.inner
        off = y - values[state.x.long()] @ a.T
        for sites in blocks:
            x, column = inner.x.long(), a[:, sites]
            change = values - values[x[:, sites]][..., None]
            slope, bend = (off / variance) @ column, (1 / variance) @ column.square()
            known = torch.full_like(free, -torch.inf).scatter_(2, x[..., None], 0.0)
            known[:, sites] = (share * (change * slope[..., None] - change.square() * bend[..., None] / 2)).to(known)
            inner = found.kernel(known, rows.given).step(inner, noise)
            off = off - (values[inner.x.long()[:, sites]] - values[x[:, sites]]) @ column.T
        return Together(inner, inner.x, state.accept)

    return Kernel(init, step)


def _colored(a: Float[Tensor, "m D"]) -> list[Int[Tensor, " sites"]]:
    """Entries of which no two meet in a measurement, those together that can be."""
    seen = (a != 0).float()
    edges = (seen.T @ seen).triu(1).nonzero()
    return [sites.to(a.device) for sites in colors(a.shape[1], edges.cpu())]


def _refuse_impossible(known: Float[Tensor, "B D L"], chains: int) -> None:
    """Raises if an entry was measured that is of no value."""
    impossible = ~known.isfinite().any(2)
    if bool(impossible.any()):
        row, entry = impossible.nonzero()[0].tolist()
        raise ValueError(
            f"A measurement must be one of some value, got one of none: entry {entry} of row {row // chains}. "
            "Check its range, or tell the noise."
        )


def _told(state: Any) -> Tensor:
    """What R̂ is told of: the mean of the entries, and their sum under random signs."""
    flat = state.x.flatten(1).double()
    signs = 1.0 - 2.0 * Noise(0, "told", device=flat.device).integers(2, 1, flat.shape[1])
    return torch.stack([flat.mean(1), (signs * flat).mean(1)], 1)


def _sweeping(model: GenerativeModel) -> SweepingLike | None:
    if not model.space.is_discrete or model.space.columns is not None:
        return None
    return first_like(model.abilities(), SweepingLike)
