"""Importance sampling: rows of the model, weighted by how well they explain what was measured.

$$ x_j \\sim p(x), \\qquad w_j \\propto p(y \\mid x_j), \\qquad p(y) \\approx \\frac1N \\sum_j p(y \\mid x_j). $$

It asks nothing of a model but samples, and is worth nothing where a measurement says much: then it is refused.
"""

import math
from typing import Any

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from genzoo.core.given import given_rows
from genzoo.core.model import Capability
from genzoo.tasks.importance import WeightsCollapsed, effective_sample_size, effective_sample_sizes, systematic
from genzoo.tasks.inverse.measurement import as_numbers
from genzoo.tasks.inverse.posterior import Exactness
from genzoo.tasks.inverse.problem import Answer, Method, Problem

__all__ = ["Importance"]

LEAST, DRAWS, FIRST = 10.0, 4096, 256  # what draws must be worth; how many there are, and those looked at first
APART = 20.0  # nats


class Importance(Method):
    """Draws of the model by their weights."""

    name = "importance"

    def exactness(self, problem: Problem) -> Exactness:
        return Exactness.ASYMPTOTIC

    def cost(self, problem: Problem) -> int:
        steps = getattr(problem.model, "steps", 1)  # of a sample, by models of symbols
        return DRAWS * (steps if isinstance(steps, int) else 1)

    def rows(self, problem: Problem, **options: Any) -> int:
        return 1

    def why_not(self, problem: Problem) -> str:
        return "" if problem.model.can(Capability.SAMPLE) else "the model draws no samples"

    def run(self, problem: Problem, n: int, seed: int, *, draws: int = DRAWS, allow_collapse: bool = False) -> Answer:
        """Draws by their weights, as evenly as can be; the same rows of the model serve all measurements of a
        condition.

        Args:
            problem: What is to be solved.
            n: How many draws.
            seed: Names them.
            draws: Rows of the model for each measurement.
            allow_collapse: Whether an answer is given that is worth fewer than 10 draws.

        Raises:
            WeightsCollapsed: If it is.
        """
        own = bool(problem.given)
        rows, found = _Rows(problem.part(0, 1), seed), []
        for i in range(len(problem)):
            part = problem.part(i, i + 1)
            rows = _Rows(part, seed) if own and i else rows
            log_w = self._weights(part, rows, draws, allow_collapse)
            found.append((self._chosen(part, rows.first(draws), log_w, n, seed), log_w))
        weights = torch.stack([log_w for _, log_w in found])
        ess = effective_sample_sizes(weights)
        if float(ess.min()) < LEAST and not allow_collapse:
            raise _collapsed(draws, float(ess.min()))
        evidence = weights.double().logsumexp(1) - math.log(draws)
        return Answer(torch.cat([x for x, _ in found]), draws, evidence, {"ess": ess})

    def _weights(self, part: Problem, rows: "_Rows", draws: int, allow_collapse: bool) -> Float[Tensor, " draws"]:
        """log p(y | x) of all rows; given up after the first of them, where these tell that there is no hope."""
        if draws > FIRST and not allow_collapse and _are_hopeless(first := _log_w(part, rows.first(FIRST))):
            raise _collapsed(FIRST, effective_sample_size(first))
        return _log_w(part, rows.first(draws))

    def _chosen(self, part: Problem, x: Tensor, log_w: Float[Tensor, " draws"], n: int, seed: int) -> Tensor:
        """n rows by their weights, as evenly as can be."""
        if not bool(log_w.isfinite().any()):
            return x[:1].expand(n, *x.shape[1:])
        return x[systematic(log_w[None], n, part.noise(seed, self.name))[0]]


class _Rows:
    """Rows of a model under the condition of one measurement, drawn when they are asked for."""

    def __init__(self, part: Problem, seed: int) -> None:
        self.part, self.seed = part, seed
        self.x: Tensor | None = None

    def first(self, n: int) -> Shaped[Tensor, "n *event"]:
        """The first n, the same however many there are."""
        have = 0 if self.x is None else len(self.x)
        if n > have:
            here = torch.zeros(n - have, dtype=torch.int64, device=self.part.measurement.y.device)
            given = given_rows(self.part.given, here)
            more = self.part.model.sample(n - have, given or None, seed=self.seed, start=have)
            self.x = more if self.x is None else torch.cat([self.x, more])
        assert self.x is not None
        return self.x[:n]


def _log_w(part: Problem, x: Shaped[Tensor, "n *event"]) -> Float[Tensor, " n"]:
    """log p(y | x) of rows."""
    with torch.no_grad():
        u = as_numbers(part.model.space, x).to(part.measurement.y)
        here = torch.zeros(len(x), dtype=torch.int64, device=u.device)
        return part.measurement.rows(here).log_prob(u)


def _are_hopeless(log_w: Float[Tensor, " n"]) -> bool:
    """Whether no row is possible, or the best is e²⁰ times as good as the second: among many more, one will be."""
    best = log_w.topk(2).values
    return not bool(best[0].isfinite()) or bool(best[0] - best[1] > APART)


def _collapsed(draws: int, worth: float) -> WeightsCollapsed:
    return WeightsCollapsed(
        f"{draws:,} weighted rows must be worth {LEAST:g}, got {worth:.2g}. Ask for more `draws`, or take a method "
        "that is led by the measurement."
    )
