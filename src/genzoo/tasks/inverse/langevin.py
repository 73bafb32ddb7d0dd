"""Chains on a density of reals: Langevin's steps, corrected, up the slope of the model and of what was measured.

$$ x' = x + h\\,\\nabla [\\log p(x) + \\beta \\log p(y \\mid A(x))] + \\sqrt{2h}\\,\\varepsilon,
   \\qquad \\beta: 0 \\to 1, $$

each accepted or refused by Metropolis and Hastings. Chains begin at samples of the model and are annealed while their
steps are fitted to an acceptance of 57 %; whether they agree is told by R̂.

References:
    Roberts & Tweedie, 1996, "Exponential convergence of Langevin distributions and their discrete approximations"
    Roberts & Rosenthal, 1998, "Optimal scaling of discrete approximations to Langevin diffusions"
"""

from typing import Any

import torch
from torch import Tensor

from genzoo.core.model import Capability, Likelihood, evaluating
from genzoo.mcmc import density, mala
from genzoo.mcmc.densities import Density
from genzoo.tasks.annealing import column, disagreement
from genzoo.tasks.importance import WeightsCollapsed
from genzoo.tasks.inverse.measurement import Exact, Interval
from genzoo.tasks.inverse.posterior import Exactness
from genzoo.tasks.inverse.problem import Answer, Method, Problem, no_slope, refuse_diverged

__all__ = ["Langevin"]

STEPS, AFTER, CHAINS, WANTED, APART = 300, 300, 4, 0.57, 1.5


class Langevin(Method):
    """Corrected Langevin chains in x, of a model with a density of reals that can be differentiated."""

    name = "langevin"

    def exactness(self, problem: Problem) -> Exactness:
        return Exactness.ASYMPTOTIC

    def cost(self, problem: Problem) -> int:
        return 3 * (STEPS + AFTER)

    def rows(self, problem: Problem, **options: Any) -> int:
        return CHAINS

    def why_not(self, problem: Problem) -> str:
        model = problem.model
        if not model.space.is_real or model.space.ragged or model.space.columns is not None:
            return "x is no row of reals"
        scored = model.can(Capability.SCORE) and model.can(Capability.LOG_PROB)
        if not scored or model.likelihood is Likelihood.BOUND:
            return "the model has no density with a slope"
        if isinstance(problem.measurement.noise, Exact | Interval):
            return "a measurement without noise has no slope"
        if not model.can(Capability.SAMPLE):
            return "the model draws no samples to begin at"
        return no_slope(problem.measurement)

    def run(
        self, problem: Problem, n: int, seed: int, *, steps: int = STEPS, after: int = AFTER, allow_apart: bool = False
    ) -> Answer:
        """Draws, each the end of a chain.

        Args:
            problem: What is to be solved.
            n: How many draws.
            seed: Names them.
            steps: From the model to the posterior.
            after: At the posterior.
            allow_apart: Whether draws of chains that do not agree are given.

        Raises:
            WeightsCollapsed: If chains do not agree.
        """
        model, chains = problem.model, max(n, CHAINS)
        rows = problem.times(chains)
        noise = rows.noise(seed, self.name)
        with evaluating(model):
            x = model.sample(len(rows), rows.given or None, seed=seed, start=rows.start).to(rows.measurement.y)
            size, trace = column(x, 0.05), []
            for k in range(steps + after):
                beta = min(1.0, 1.5 * (k + 1) / steps) ** 4  # a third of the steps is fitted at the posterior itself
                kernel = mala(_target(rows, beta), step_size=size)
                state = kernel.step(kernel.init(x), noise.tick(k))
                x = state.x
                if k < steps:
                    accept = state.accept.view(-1, chains).mean(1, keepdim=True).expand(-1, chains)
                    size = size * (0.3 * (accept.reshape(size.shape) - WANTED)).exp()
                else:
                    trace.append(state.log_prob.double())
        refuse_diverged(x, self.name)
        worst = disagreement(torch.stack(trace), len(problem), chains)
        if worst > APART and not allow_apart:
            raise WeightsCollapsed(
                f"Chains must agree, got R̂ {worst:.2f}. Raise `steps` and `after`, or pass allow_apart=True to see "
                "where they are."
            )
        found = x.view(len(problem), chains, *x.shape[1:])[:, :n].flatten(0, 1)
        return Answer(found, 3 * (steps + after), None, {"rhat": worst, "acceptance": float(state.accept.mean())})


def _target(rows: Problem, beta: float) -> Density:
    """log p(x) + β log p(y | x)."""
    model, given = rows.model, rows.given or None

    def log_prob(x: Tensor) -> Tensor:
        return model.log_prob(x, given).to(x) + beta * rows.measurement.log_prob(x)

    return density(log_prob)
