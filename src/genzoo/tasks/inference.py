"""What a model's guess at its latents is worth: bounds, posteriors that are fitted to each row, and calibration.

$$ \\log p(x) - \\underbrace{\\mathbb E_q[\\log p(x, z) - \\log q(z \\mid x)]}_{\\text{ELBO of the encoder}}
   = \\underbrace{\\log p(x) - \\text{ELBO}^*}_{\\text{what the family cannot say}}
   + \\underbrace{\\text{ELBO}^* - \\text{ELBO}}_{\\text{amortization}}, $$

where ELBO* is that of the best q of the family for this very row. An encoder that serves all rows is amortized, and
need not be best for any.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int, Shaped
from scipy import stats
from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal

from genzoo.core import Noise, Space
from genzoo.core.given import NOTHING, Given, map_given
from genzoo.distributions.draws import draw
from genzoo.distributions.estimate import Estimate, mean_of
from genzoo.distributions.pushed import drawn

__all__ = ["Calibration", "Gaps", "InferenceLike", "calibration", "elbo", "fitted", "gaps", "iwae"]

BLOCK = 1 << 18  # entries of x for which latents are decoded at a time


@runtime_checkable
class InferenceLike(Protocol):
    """A guess at the latent of a row, beside the law of both."""

    latent: Space
    exact: bool

    def posterior(self, x: Tensor, given: Given = NOTHING) -> Distribution:
        """q(z | x, given)."""

    def log_joint(self, x: Tensor, z: Tensor, given: Given = NOTHING) -> Tensor:
        """log p(x, z | given)."""

    def joint(self, n: int, given: Given, noise: Noise) -> tuple[Tensor, Tensor]:
        """n draws of x and z together."""

    def log_prior(self, z: Tensor, given: Given = NOTHING) -> Tensor:
        """log p(z | given)."""

    def entries(self, z: Tensor, given: Given, noise: Noise) -> Tensor:
        """A draw of p(x | z, given), whose entries are independent."""


def elbo(
    model: InferenceLike,
    x: Shaped[Tensor, "B *event"],
    given: Given = NOTHING,
    *,
    q: Distribution | None = None,
    draws: int = 64,
    seed: int = 0,
) -> Float[Tensor, " B"]:
    """The evidence lower bound of each row, the mean over draws of z.

    Args:
        model: A model's `Inference`.
        x: Rows.
        given: Their conditions.
        q: Another guess than the model's, one for each row.
        draws: How many.
        seed: Names them.
    """
    total = torch.zeros(len(x), dtype=torch.float64, device=x.device)
    for weights in log_weights(model, x, given, q, draws, seed):
        total += weights.double().sum(0)
    return total / draws


def iwae(
    model: InferenceLike,
    x: Shaped[Tensor, "B *event"],
    given: Given = NOTHING,
    *,
    k: int,
    q: Distribution | None = None,
    seed: int = 0,
) -> Float[Tensor, " B"]:
    """The importance-weighted bound of each row, in memory that does not grow with k,

    $$ \\log p(x) \\ge \\mathbb E \\log \\frac1k \\sum_{j=1}^k \\frac{p(x, z_j)}{q(z_j \\mid x)}. $$

    Args:
        model: A model's `Inference`.
        x: Rows.
        given: Their conditions.
        k: Draws of z.
        q: Another guess than the model's.
        seed: Names the draws.

    References:
        Burda, Grosse & Salakhutdinov, 2016, "Importance weighted autoencoders", arXiv:1509.00519
    """
    total = torch.full((len(x),), -torch.inf, dtype=torch.float64, device=x.device)
    for weights in log_weights(model, x, given, q, k, seed):
        total = torch.logaddexp(total, weights.double().logsumexp(0))
    return total - math.log(k)


def log_weights(
    model: InferenceLike, x: Tensor, given: Given, q: Distribution | None, draws: int, seed: int
) -> Iterator[Float[Tensor, "some B"]]:
    """log p(x, z) − log q(z | x) of draws of z, as many at a time as keep the memory bounded."""
    if draws < 1:
        raise ValueError(f"There must be at least one draw, got {draws}. Ask for 64 or more.")
    noise, at_once = Noise(seed, "inference", device=x.device), max(1, BLOCK // max(1, x.numel()))
    with torch.no_grad():
        q = q or model.posterior(x, given)
        for first in range(0, draws, at_once):
            yield weighed(model, x, given, q, noise, min(at_once, draws - first))


def weighed(
    model: InferenceLike, x: Tensor, given: Given, q: Distribution, noise: Noise, draws: int
) -> Float[Tensor, "draws B"]:
    """The log-weights of some draws of each row, all at once."""
    z, log_q = (torch.cat(part) for part in zip(*(drawn(q, noise) for _ in range(draws)), strict=True))
    joint = model.log_joint(repeated(x, draws), z, map_given(lambda g: repeated(g, draws), given))
    return (joint - log_q).unflatten(0, (draws, len(x)))


def repeated(x: Tensor, times: int) -> Tensor:
    """Rows over and over, the first row again after the last."""
    return x.repeat(times, *[1] * (x.ndim - 1))


def fitted(
    model: InferenceLike,
    x: Shaped[Tensor, "B *event"],
    given: Given = NOTHING,
    *,
    full: bool = False,
    steps: int = 300,
    draws: int = 8,
    lr: float = 0.05,
    seed: int = 0,
) -> Distribution:
    """The Gaussian q(z) of each row that has the largest ELBO: 2L numbers for every row, and no encoder.

    It is found by Adam from the encoder's guess. Gradients go through the draws alone, so that they have no variance
    at the posterior itself, if it is one of the family.

    Args:
        model: A model's `Inference`, over a latent of reals.
        x: Rows.
        given: Their conditions.
        full: Whether latents may depend on each other: L (L + 3) / 2 numbers for every row.
        steps: Steps of Adam, at a rate that falls to zero.
        draws: Draws of z for a gradient.
        lr: The rate.
        seed: Names the draws.

    Raises:
        TypeError: If latents are no vectors of reals.

    References:
        Roeder, Wu & Duvenaud, 2017, "Sticking the landing", arXiv:1703.09194
        Cremer, Li & Duvenaud, 2018, "Inference suboptimality in variational autoencoders", arXiv:1801.03558
    """
    if not model.latent.is_real or len(model.latent.shape) != 1:
        raise TypeError(f"A Gaussian is fitted to vectors of reals, got latents {model.latent}. Take another model.")
    parameters = starts(model.posterior(x, given), full=full)
    adam = torch.optim.Adam(parameters, lr=lr)
    with torch.enable_grad():
        for step in range(steps):
            adam.param_groups[0]["lr"] = lr * 0.5 * (1 + math.cos(math.pi * step / steps))
            loss = -path_bound(model, x, given, parameters, Noise(seed, "fitted").tick(step), draws)
            for parameter, slope in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
                parameter.grad = slope
            adam.step()
    return gaussian([parameter.detach() for parameter in parameters])


def starts(q: Distribution, *, full: bool) -> list[Tensor]:
    """The encoder's μ, log σ, and what links latents, as parameters."""
    spread = q.base_dist.scale if isinstance(q, Independent) and isinstance(q.base_dist, Normal) else None
    loc = q.mean.detach().clone()
    log_scale = torch.zeros_like(loc) if spread is None else spread.detach().log()
    parameters = [loc, log_scale, *([loc.new_zeros(*loc.shape, loc.shape[1])] if full else [])]
    return [parameter.clone().requires_grad_() for parameter in parameters]


def gaussian(parameters: list[Tensor]) -> Distribution:
    """The Gaussian of each row."""
    loc, log_scale, *below = parameters
    if not below:
        return Independent(Normal(loc, log_scale.exp(), validate_args=False), 1, validate_args=False)
    return MultivariateNormal(loc, scale_tril=below[0].tril(-1) + log_scale.exp().diag_embed(), validate_args=False)


def path_bound(
    model: InferenceLike, x: Tensor, given: Given, parameters: list[Tensor], noise: Noise, draws: int
) -> Float[Tensor, ""]:
    """The sum of the bounds of all rows, whose gradient goes through the draws and not through log q."""
    q, still = gaussian(parameters), gaussian([parameter.detach() for parameter in parameters])
    z = torch.cat([draw(q, noise) for _ in range(draws)])
    joint = model.log_joint(repeated(x, draws), z, map_given(lambda g: repeated(g, draws), given))
    log_q = torch.cat([still.log_prob(part) for part in z.split(len(x))])
    return (joint - log_q).sum() / draws


@dataclass(frozen=True)
class Gaps:
    """What is lost between log p(x) and the bound of an encoder, in nats a row, with standard errors.

    Attributes:
        elbo: The bound of the encoder.
        fitted: The bound of the Gaussian fitted to each row.
        likelihood: The importance-weighted bound of the one whose is larger, nearly log p(x).
        amortization: `fitted` − `elbo`; negative where the encoder's family, pushed through a flow, says more.
        approximation: `likelihood` − `fitted`.
        draws: Those of `likelihood`.
    """

    elbo: Estimate
    fitted: Estimate
    likelihood: Estimate
    amortization: Estimate
    approximation: Estimate
    draws: int


def gaps(
    model: InferenceLike,
    x: Shaped[Tensor, "B *event"],
    given: Given = NOTHING,
    *,
    full: bool = False,
    steps: int = 300,
    draws: int = 1000,
    seed: int = 0,
) -> Gaps:
    """Where the nats between log p(x) and the encoder's bound go.

    Args:
        model: A model's `Inference`.
        x: Rows, at least two.
        given: Their conditions.
        full: Whether the latents of a fitted Gaussian may depend on each other.
        steps: Those of fitting.
        draws: Of the importance-weighted bounds.
        seed: Names the draws.
    """
    q = fitted(model, x, given, full=full, steps=steps, seed=seed)
    of_encoder, of_row = elbo(model, x, given, seed=seed), elbo(model, x, given, q=q, seed=seed)
    whole = max((iwae(model, x, given, k=draws, q=each, seed=seed) for each in (None, q)), key=torch.mean)
    return Gaps(
        elbo=mean_of(of_encoder),
        fitted=mean_of(of_row),
        likelihood=mean_of(whole),
        amortization=mean_of(of_row - of_encoder),
        approximation=mean_of(whole - of_row),
        draws=draws,
    )


@dataclass(frozen=True)
class Calibration:
    """Where the true latents stand among draws from their posteriors, in simulated rows.

    Attributes:
        ranks: How many of the draws are below the true latent, for each row and latent.
        draws: The draws of each posterior.
    """

    ranks: Int[Tensor, "n L"]
    draws: int

    @property
    def chance(self) -> float:
        """The probability of ranks as uneven as these of the worst latent, or more, if all posteriors were right."""
        bins = min(10, self.draws + 1, max(2, len(self.ranks) // 10))
        edges = torch.div(self.ranks * bins, self.draws + 1, rounding_mode="floor")
        own = torch.div(torch.arange(self.draws + 1) * bins, self.draws + 1, rounding_mode="floor").bincount()
        expected = own.double() / (self.draws + 1) * len(self.ranks)
        least = min(stats.chisquare(one.bincount(minlength=bins), expected).pvalue for one in edges.T)
        return float(min(1.0, least * self.ranks.shape[1]))

    @property
    def is_right(self) -> bool:
        """Whether nothing speaks against the posteriors, at one in a thousand."""
        return self.chance > 0.001

    @property
    def spread(self) -> Estimate:
        """How far from the middle ranks are, beside what they would be: above 1 posteriors are too narrow, or beside
        the truth; below 1 too wide."""
        places = (self.ranks.double() + 0.5) / (self.draws + 1) - 0.5
        return mean_of(12 * places.square().mean(1) / (1 - 1 / (self.draws + 1) ** 2))

    def __str__(self) -> str:
        """What was found, in words."""
        spread = self.spread
        if self.is_right:
            found = "nothing speaks against the posteriors"
        elif spread.value > 1:
            found = "posteriors are too narrow or beside the truth"
        else:
            found = "posteriors are too wide"
        return (
            f"{found}: spread of ranks {spread.value:.2f} ± {spread.error or 0:.2f} (1 is right), "
            f"chance of ranks as uneven {self.chance:.2g}, {len(self.ranks)} rows"
        )


def calibration(
    model: InferenceLike,
    n: int = 500,
    *,
    draws: int = 99,
    given: Callable[[int], Given] = lambda n: NOTHING,
    seed: int = 0,
) -> Calibration:
    """Simulation-based calibration: latents are drawn from the prior, rows from them, and posteriors of the rows are
    asked where the latents stand,

    $$ z^* \\sim p(z), \\quad x \\sim p(x \\mid z^*), \\quad z_1 \\dots z_L \\sim q(z \\mid x), \\qquad
       r_d = \\#\\{j : z_{j,d} < z^*_d\\}, $$

    which is uniform on 0 … L for every latent if q is the posterior.

    Args:
        model: A model's `Inference`, over a latent of reals.
        n: Simulated rows, at least 20.
        draws: L.
        given: From a number of rows to the conditions of so many.
        seed: Names the draws.

    Raises:
        TypeError: If latents are no reals.
        ValueError: If there are too few rows or draws.

    References:
        Talts, Betancourt, Simpson, Vehtari & Gelman, 2018, "Validating Bayesian inference algorithms with
        simulation-based calibration", arXiv:1804.06788
    """
    if not model.latent.is_real:
        raise TypeError(f"Ranks are of latents that are reals, got {model.latent}. Take a model without codes.")
    if n < 20 or draws < 1:
        raise ValueError(f"Ranks need at least 20 rows and 1 draw, got {n} and {draws}. Ask for 500 and 99.")
    noise, conditions = Noise(seed, "calibration"), given(n)
    with torch.no_grad():
        x, z = model.joint(n, conditions, noise)
        q = model.posterior(x, conditions)
        below = sum((draw(q, noise) < z).flatten(1).long() for _ in range(draws))
    return Calibration(torch.as_tensor(below).cpu(), draws)
