"""Importance sampling: rows of the model, weighted by how well they explain what was measured.

$$ x_j \\sim p(x), \\qquad w_j \\propto p(y \\mid x_j), \\qquad p(y) \\approx \\frac1N \\sum_j p(y \\mid x_j). $$

It asks nothing of a model but samples, and is worth nothing where a measurement says much: then it is refused.
"""

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.core.given import given_rows
from genzoo.core.model import Capability
from genzoo.tasks.importance import WeightsCollapsed
from genzoo.tasks.inverse.measurement import as_numbers
from genzoo.tasks.inverse.posterior import Exactness
from genzoo.tasks.inverse.problem import Answer, Method, Problem
from genzoo.tasks.inverse.twisted import systematic

__all__ = ["Importance"]

LEAST, DRAWS = 10.0, 4096  # what draws must be worth; how many there are at first


class Importance(Method):
    """Draws of the model by their weights."""

    name = "importance"

    def exactness(self, problem: Problem) -> Exactness:
        return Exactness.ASYMPTOTIC

    def cost(self, problem: Problem) -> int:
        return DRAWS

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
        parts = [self._one(problem.part(i, i + 1), n, seed, draws) for i in range(len(problem))]
        x, log_w = zip(*parts, strict=True)
        weights = torch.stack(log_w)
        ess = 1 / weights.double().softmax(1).square().sum(1)
        ess = torch.where(weights.isfinite().any(1), ess, 0.0)
        if float(ess.min()) < LEAST and not allow_collapse:
            raise WeightsCollapsed(
                f"{draws:,} weighted rows must be worth {LEAST:g}, got {float(ess.min()):.2g}. Ask for more `draws`, "
                "or take a method that is led by the measurement."
            )
        evidence = weights.double().logsumexp(1) - math.log(draws)
        return Answer(torch.cat(x), draws, evidence, {"ess": ess})

    def _one(self, problem: Problem, n: int, seed: int, draws: int) -> tuple[Tensor, Float[Tensor, " draws"]]:
        """n draws for one measurement, and all weights."""
        model, here = problem.model, torch.zeros(draws, dtype=torch.int64, device=problem.measurement.y.device)
        given = given_rows(problem.given, here)
        x = model.sample(draws, given or None, seed=seed)
        with torch.no_grad():
            u = as_numbers(model.space, x).to(problem.measurement.y)
            log_w = problem.measurement.rows(here).log_prob(u)
        if not bool(log_w.isfinite().any()):
            return x[:1].expand(n, *x.shape[1:]), log_w
        index = systematic(log_w[None], n, problem.noise(seed, self.name))[0]
        return x[index], log_w
