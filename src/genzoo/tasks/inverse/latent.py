"""Measurements of what a latent makes: Hamiltonian Monte Carlo in z, and the search for one z.

$$ \\log p_\\beta(z) = \\log p(z) + \\beta \\log p(y \\mid A(G(z))), \\qquad \\beta: 0 \\to 1. $$

Chains start at draws of the prior and are annealed, so that they find other modes than one; their weights tell the
evidence (annealed importance sampling), and R̂ whether they agree. What is drawn lies in the range of G: of a flow that
is everything, of a GAN what it can make. Where p(x | z) has a spread, as in an autoencoder, G(z) is its mean; the
spread Σ of each entry is told by draws of the model, taken for the same at all z, and so the answer is approximate:

$$ y \\mid z \\sim N(A G(z),\\; R + A \\Sigma A^\\top), \\qquad
   x = G(z) + e + \\Sigma A^\\top (R + A \\Sigma A^\\top)^{-1} (y - A (G(z) + e) - \\varepsilon). $$

Of measurements without noise, and of rounded ones, a σ stands in for exactness that is told in the answer.

References:
    Neal, 2001, "Annealed importance sampling", arXiv:physics/9803008
    Menon, Damian, Hu, Ravi & Rudin, 2020, "PULSE: self-supervised photo upsampling via latent space exploration of
        generative models", arXiv:2003.03808 ("pulse")
"""

import math
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from genzoo._like import first_like, is_like
from genzoo.core.abilities import Latent
from genzoo.core.given import Given
from genzoo.core.model import GenerativeModel, evaluating
from genzoo.core.noise import Noise
from genzoo.tasks.annealing import LEAPS, Tilted, again, annealed, disagreement, moved
from genzoo.tasks.importance import WeightsCollapsed
from genzoo.tasks.inference import InferenceLike
from genzoo.tasks.inverse.measurement import Exact, Interval, Measurement, between
from genzoo.tasks.inverse.operator import conjugate_gradients
from genzoo.tasks.inverse.posterior import Exactness
from genzoo.tasks.inverse.problem import Answer, Method, Problem, no_slope

__all__ = ["LatentWalk", "Pulse"]

STEPS, AFTER, CHAINS = 40, 60, 4
DRAWS, PROBES = 2000, 32  # of the model, and of signs, that a spread is told by
FLOOR = 0.02  # of what is measured without noise
STARTS, SEARCH = 8, 200


class Target(NamedTuple):
    """p(z) and p(y | A(G(z))), for rows of z."""

    latent: Latent
    measurement: Measurement
    given: Given
    floor: float
    spread: Tensor | None = None
    blur: Tensor | None = None

    def log_prior(self, z: Tensor) -> Tensor:
        """log p(z)."""
        return self.latent.log_prior(z, self.given)

    def log_likelihood(self, z: Tensor) -> Tensor:
        """log p(y | A(G(z))); with a floor, of a Gaussian as wide as the channel and the floor together."""
        seen = self.measurement.seen(self.latent.generate(z, self.given))
        y = self.measurement.y.to(seen)
        if not self.floor and self.blur is None:
            return self.measurement.summed(self.measurement.noise.log_prob(y, seen))
        total = self.measurement.noise.variance(seen) + self.floor**2 + (0.0 if self.blur is None else self.blur)
        return self.measurement.summed(-((y - seen).square() / total + total.log() + math.log(2 * math.pi)) / 2)

    def path(self) -> Tilted:
        """From the prior to the posterior."""
        return Tilted(
            lambda noise: self.latent.draw(len(self.measurement), self.given, noise),
            self.log_prior,
            self.log_likelihood,
        )


class LatentWalk(Method):
    """Annealed Hamiltonian walks in the latent."""

    name = "latent"

    def exactness(self, problem: Problem) -> Exactness:
        return Exactness.APPROXIMATE if _is_blurred(problem.model) else Exactness.ASYMPTOTIC

    def cost(self, problem: Problem) -> int:
        return 3 * LEAPS * (2 * STEPS + AFTER)

    def rows(self, problem: Problem, **options: Any) -> int:
        return CHAINS

    def why_not(self, problem: Problem) -> str:
        return _no_latent(problem)

    def run(
        self,
        problem: Problem,
        n: int,
        seed: int,
        *,
        steps: int = STEPS,
        after: int = AFTER,
        floor: float | None = None,
        allow_collapse: bool = False,
    ) -> Answer:
        """Draws, each the end of a chain.

        Args:
            problem: What is to be solved.
            n: How many draws.
            seed: Names them.
            steps: From the prior to the posterior.
            after: Moves of all chains at the end.
            floor: The σ that stands in for exactness; by default 0.02 where a measurement has no noise, else 0.
            allow_collapse: Whether draws are given that a single chain carries.

        Raises:
            WeightsCollapsed: If annealed chains are worth one alone, and do not agree at the end.
        """
        model, chains = problem.model, max(n, CHAINS)
        rows = problem.times(chains)
        target = _target(rows, floor)
        noise = rows.noise(seed, self.name)
        with torch.no_grad(), evaluating(model):
            path, betas = target.path(), _betas(steps)
            z, log_w, sizes = annealed(path, noise.at("start"), noise.at("anneal"), betas, chains)
            log_w = log_w.view(len(problem), chains)
            z = z[again(log_w, noise.at("again"))]
            z, trace = moved(path, z, sizes[-1], noise.at("after"), after)
            worst = disagreement(trace, len(problem), chains)
            ess = 1 / log_w.softmax(1).square().sum(1)
            if not math.isfinite(float(log_w.max())) or (
                float(ess.min()) < 1.05 and worst > 1.5 and not allow_collapse
            ):
                raise WeightsCollapsed(
                    f"Chains must agree, got R̂ {worst:.2f} and weights of {float(ess.min()):.2g} chains. Raise "
                    "`steps` and `after`, or pass allow_collapse=True to see where they are."
                )
            keep = z.view(len(problem), chains, *z.shape[1:])[:, :n].flatten(0, 1)
            index = torch.arange(len(problem), device=z.device).repeat_interleave(n)
            given = {
                name: part.view(len(problem), chains, *part.shape[1:])[index, 0] for name, part in rows.given.items()
            }
            made = target.latent.generate(keep, given)
            if target.spread is not None:
                made = _spread_out(target, problem.times(n), made, noise.at("spread"))
            x = target.latent.numbers.back(made)
        told = {"ess": ess, "rhat": worst, **({"floor": target.floor} if target.floor else {})}
        return Answer(x, 3 * LEAPS * (2 * steps + after), log_w.logsumexp(1) - math.log(chains), told)


def _betas(steps: int) -> list[float]:
    """Temperatures of which most lie at the beginning, where most of it happens."""
    betas: list[float] = torch.linspace(0, 1, steps + 1, dtype=torch.float64).pow(4).tolist()
    return betas


def _target(rows: Problem, floor: float | None) -> Target:
    latent = rows.model.able(Latent)
    if floor is None:
        floor = FLOOR if isinstance(rows.measurement.noise, Exact | Interval) else 0.0
    scale, shift = between(latent.numbers, rows.model.space, rows.model.dtype, rows.model.device)
    measurement, spread = rows.measurement.on(scale, shift), _spread(rows.model, latent)
    if spread is None:
        return Target(latent, measurement, rows.given, floor)
    return Target(latent, measurement, rows.given, floor, spread, _blurred(measurement, spread))


def _spread(model: GenerativeModel, latent: Latent) -> Tensor | None:
    """Σ, the mean square of x − G(z) over draws of both; None where x is G(z), or the draws are of another z."""
    found = first_like(model.abilities(), InferenceLike)
    if found is None or found.latent != latent.space or model.given_space:
        return None
    x, z = found.joint(DRAWS, {}, Noise(0, "spread", device=model.device))
    seen = latent.numbers.of(x)
    spread = (seen - latent.generate(z)).square().mean(0)
    return spread if bool(spread.sum() < seen.var(0).sum()) else None


def _blurred(measurement: Measurement, spread: Tensor) -> Tensor:
    """The diagonal of A Σ Aᵀ for each row, told by random signs."""
    like, total = measurement.y, torch.zeros_like(measurement.y)
    along, _ = measurement.linear(spread.expand(len(like), *spread.shape))
    for k in range(PROBES):
        signs = 1 - 2 * Noise(0, "signs", k).integers(2, 1, *spread.shape).to(like)
        total = total + along((signs * spread.sqrt()).expand(len(like), *spread.shape)).square()
    return total / PROBES


def _spread_out(target: Target, rows: Problem, made: Tensor, noise: Noise) -> Tensor:
    """Draws of x given z and y."""
    assert target.spread is not None
    here = replace(rows.measurement, scale=target.measurement.scale, shift=target.measurement.shift)
    spread = target.spread
    x = made + spread.sqrt() * noise.at("entries").normal(*made.shape, dtype=made.dtype)
    seen, (along, back) = here.seen(x), here.linear(x)
    variance = here.noise.variance(seen) + target.floor**2
    missed = variance.sqrt() * noise.at("missed").normal(*seen.shape, dtype=seen.dtype)
    missed = missed if here.operator.counted is None else torch.where(here.operator.counted, missed, 0)
    off = here.y.to(seen) - seen - missed
    solved = conjugate_gradients(lambda v: variance * v + along(spread * back(v)), off, 100)
    return x + spread * back(solved)


def _is_blurred(model: GenerativeModel) -> bool:
    """Whether p(x | z) has a spread, so that what a latent makes is its mean."""
    return any(is_like(found, InferenceLike) for found in model.abilities())


def _no_latent(problem: Problem) -> str:
    latent = problem.model.ability(Latent)
    if latent is None:
        return "the model has no latent"
    return no_slope(problem.measurement) if latent.space.is_real else "its latents are codes"


class Pulse(Method):
    """One z on the sphere where draws of N(0, I) lie, that explains what was measured: a point, and no posterior."""

    name = "pulse"

    def exactness(self, problem: Problem) -> Exactness:
        return Exactness.POINT

    def cost(self, problem: Problem) -> int:
        return 3 * STARTS * SEARCH

    def rows(self, problem: Problem, **options: Any) -> int:
        return STARTS

    def why_not(self, problem: Problem) -> str:
        return _no_latent(problem)

    def run(
        self, problem: Problem, n: int, seed: int, *, steps: int = SEARCH, starts: int = STARTS, lr: float = 0.1
    ) -> Answer:
        """The n best of some starts, by Adam.

        Args:
            problem: What is to be solved.
            n: How many points.
            seed: Names the starts.
            steps: Of Adam.
            starts: Where it begins; at least n.
            lr: Its rate.
        """
        count = max(n, starts)
        rows = problem.times(count)
        target, model = _target(rows, FLOOR), problem.model
        with evaluating(model):
            z = target.latent.draw(len(rows), rows.given, rows.noise(seed, self.name)).requires_grad_()
            adam, radius = torch.optim.Adam([z], lr=lr), math.sqrt(target.latent.space.dims)
            for _ in range(steps):
                with torch.enable_grad():
                    (z.grad,) = torch.autograd.grad(-target.log_likelihood(z).sum(), z)
                adam.step()
                with torch.no_grad():
                    length = z.flatten(1).norm(dim=1).clamp_min(1e-9)
                    z.mul_(radius / length.reshape(-1, *[1] * (z.ndim - 1)))
            with torch.no_grad():
                fit = target.log_likelihood(z).view(len(problem), count)
                best = fit.topk(n, dim=1).indices + count * torch.arange(len(problem), device=z.device)[:, None]
                given = {name: part[best.flatten()] for name, part in rows.given.items()}
                x = target.latent.numbers.back(target.latent.generate(z[best.flatten()], given))
        return Answer(x, 3 * count * steps)
