"""Metropolis within Gibbs: a latent and the entries that were not seen, in turn, each given the other.

$$ z' \\sim r(z' \\mid x) = 0.9\\,q(z' \\mid x) + 0.1\\,p(z'), \\qquad
   a = \\frac{p(x \\mid z')\\,p(z')\\,r(z \\mid x)}{p(x \\mid z)\\,p(z)\\,r(z' \\mid x)}, \\qquad
   x_i \\sim p(x_i \\mid z)\\,p(y_i \\mid x_i). $$

Without the acceptance a (pseudo-Gibbs) chains settle where the encoder's guess leads them, and not in p(x | y). The
tenth of the prior lets them leave what they would otherwise stick to.

References:
    Mattei & Frellsen, 2018, "Leveraging the exact likelihood of deep latent variable models", arXiv:1802.04826
    Rezende, Mohamed & Wierstra, 2014, "Stochastic backpropagation and approximate inference in deep generative
        models", arXiv:1401.4082 (pseudo-Gibbs)
    Simkus & Gutmann, 2023, "Conditional sampling of variational autoencoders via iterated approximate ancestral
        sampling", arXiv:2308.09078 (where chains stick)
"""

import math
from typing import Any

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from genzoo._like import first_like
from genzoo.core.model import GenerativeModel, evaluating
from genzoo.core.noise import Noise
from genzoo.distributions.draws import draw
from genzoo.mcmc import rhat
from genzoo.tasks.inference import InferenceLike
from genzoo.tasks.inverse.measurement import Exact, as_numbers, in_space
from genzoo.tasks.inverse.operator import Identity
from genzoo.tasks.inverse.pixels import Mask
from genzoo.tasks.inverse.posterior import Exactness
from genzoo.tasks.inverse.problem import Answer, Method, Problem, refuse_diverged

__all__ = ["Within"]

SWEEPS, CHAINS, PRIOR = 300, 4, 0.1
TRIES = 3  # of an entry that is seen through noise, in a sweep


class Within(Method):
    """Metropolis within Gibbs, of an autoencoder whose entries are independent given z."""

    name = "mwg"

    def exactness(self, problem: Problem) -> Exactness:
        return Exactness.ASYMPTOTIC

    def cost(self, problem: Problem) -> int:
        return 3 * SWEEPS

    def rows(self, problem: Problem, **options: Any) -> int:
        return CHAINS

    def why_not(self, problem: Problem) -> str:
        if not isinstance(problem.measurement.operator, Mask | Identity):
            return "entries are not measured one by one"
        found = _guess(problem.model)
        if found is None or problem.model.space.columns is not None:
            return "the model has no encoder beside its law"
        return "" if found.latent.is_real else "its latents are codes"

    def run(self, problem: Problem, n: int, seed: int, *, sweeps: int = SWEEPS) -> Answer:
        """Draws, each the end of a chain of its own.

        Args:
            problem: What is to be solved.
            n: How many draws.
            seed: Names them.
            sweeps: Of a chain.

        Raises:
            ValueError: If there are fewer than 8 sweeps.
        """
        if sweeps < 8:
            raise ValueError(f"`sweeps` must be at least 8, got {sweeps}. Take a few hundred.")
        model, chains = problem.model, max(n, CHAINS)
        rows = problem.times(chains)
        chain = Chain(model, rows, rows.noise(seed, self.name))
        with torch.no_grad(), evaluating(model):
            trace = [chain.swept(k) for k in range(sweeps)]
        half = torch.stack(trace[sweeps // 2 :]).view(-1, len(problem), chains)
        worst = max(rhat(half[:, b]).nan_to_num(1.0).item() for b in range(len(problem)))
        x = chain.x.view(len(problem), chains, *model.space.shape)[:, :n].flatten(0, 1)
        if x.is_floating_point():
            refuse_diverged(x, self.name)
        return Answer(x, 3 * sweeps, None, {"rhat": worst, "acceptance": chain.accepted / sweeps})


class Chain:
    """Rows and their latents on the way.

    Args:
        model: An autoencoder.
        rows: What is known of each.
        noise: A row for each.
    """

    def __init__(self, model: GenerativeModel, rows: Problem, noise: Noise) -> None:
        self.model, self.rows, self.noise = model, rows, noise
        found = _guess(model)
        assert found is not None
        self.guess, counted = found, rows.measurement.operator.counted
        drawn, self.z = found.joint(len(rows), rows.given, noise.at("start"))
        shape = drawn.shape
        self.known = torch.ones(shape, dtype=torch.bool) if counted is None else counted.expand(shape)
        self.known = self.known.to(drawn.device)
        self.x = torch.where(self.known, in_space(model.space, rows.measurement.y.to(model.dtype)), drawn)
        self.accepted = 0.0

    def swept(self, k: int) -> Float[Tensor, " rows"]:
        """One sweep; log p(x, z) after it."""
        noise, given = self.noise.at(k), self.rows.given
        q = self.guess.posterior(self.x, given)
        own, u = draw(q, noise.at("z")), noise.at("which").uniform(len(self.x), dtype=torch.float64)
        _, other = self.guess.joint(len(self.x), given, noise.at("prior"))
        new = torch.where((u < PRIOR).view(-1, *[1] * (own.ndim - 1)), other, own)
        before, after = self.guess.log_joint(self.x, self.z, given), self.guess.log_joint(self.x, new, given)
        ratio = (after - before).double() + self._proposed(q, self.z) - self._proposed(q, new)
        goes = noise.at("goes").uniform(len(self.x), dtype=torch.float64).log() < ratio
        self.accepted += goes.double().mean().item()
        self.z = torch.where(goes.view(-1, *[1] * (new.ndim - 1)), new, self.z)
        for j in range(1 if isinstance(self.rows.measurement.noise, Exact) else TRIES):
            self._entries(noise.at("x", j))
        return torch.where(goes, after, before).double()

    def _proposed(self, q: Any, z: Shaped[Tensor, "rows *latent"]) -> Float[Tensor, " rows"]:
        """log r(z | x)."""
        log_q = q.log_prob(z).double().flatten(1).sum(1) if q.log_prob(z).ndim > 1 else q.log_prob(z).double()
        log_p = self.guess.log_prior(z, self.rows.given).double()
        return torch.logaddexp(log_q + math.log(1 - PRIOR), log_p + math.log(PRIOR))

    def _entries(self, noise: Noise) -> None:
        """Entries anew from p(x | z); what was seen stays, or is accepted by how it explains what was seen."""
        fresh = self.guess.entries(self.z, self.rows.given, noise.at("fresh"))
        measurement = self.rows.measurement
        if isinstance(measurement.noise, Exact):
            self.x = torch.where(self.known, self.x, fresh)
            return
        space, y = self.model.space, measurement.y
        old, new = (measurement.noise.log_prob(y, as_numbers(space, x).to(y)) for x in (self.x, fresh))
        goes = noise.at("goes").uniform(*y.shape, dtype=torch.float64).log() < (new - old).double()
        self.x = torch.where(goes | ~self.known, fresh, self.x)


def _guess(model: GenerativeModel) -> InferenceLike | None:
    return first_like(model.abilities(), InferenceLike)
