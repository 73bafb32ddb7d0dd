"""Some entries of a row given the others, of any model with a density.

$$ p(x_m \\mid x_k) = \\frac{p(x_m, x_k)}{p(x_k)}. $$

Where z of the known entries k is a function of these alone, as in a flow of autoregressive maps that all take the
entries in one order and know the first of them, the rest of z keeps its law: what is drawn is exact. That is not asked
of a model's class but tried out. Elsewhere rows are drawn from a mixture of Gaussians around rows of the model that
are near in what is known, weighted by $w = p(x_m, x_k) / q(x_m)$, drawn again by these weights, and the mixture put
around them; the weights of the last round are the answer, and how many draws they are worth is part of it.

References:
    Cappé, Guillin, Marin & Robert, 2004, "Population Monte Carlo"
    Rubin, 1988, "Using the SIR algorithm to simulate posterior distributions"
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.core.abilities import Latent
from genzoo.core.given import Given, GivenAsked
from genzoo.core.model import Capability, GenerativeModel, Likelihood
from genzoo.core.noise import Noise
from genzoo.tasks.importance import WeightsCollapsed, effective_sample_size

__all__ = ["Conditional", "conditional"]

DRAWN, NEAR, ROUNDS = 20_000, 512, 4  # rows of the model, those the mixture stands around, and how often it moves
WIDE, SHARE = 2.0, 0.1  # of a Gaussian around all of them, and its share: no weight is without a bound
CLOSE = 1e-3  # of a standard deviation, by which a known entry may come back otherwise


@dataclass(frozen=True)
class Conditional:
    """Rows whose known entries are the same and whose others are drawn given these.

    Attributes:
        x: The rows.
        missing: Which entries were drawn.
        method: "prefix", exact draws; or "importance", draws of weighted ones.
        ess: How many independent draws the weighted ones are worth; the number of rows of exact ones.
        log_known: log p(x_k) of the known entries, estimated by the weights; None where nothing was weighted.
    """

    x: Float[Tensor, "n D"]
    missing: tuple[int, ...]
    method: Literal["prefix", "importance"]
    ess: float
    log_known: float | None = None

    def quantiles(self, at: Sequence[float]) -> Float[Tensor, "quantiles missing"]:
        """Quantiles of each entry that was drawn.

        Args:
            at: Which, in [0, 1].
        """
        places = torch.tensor(at, dtype=torch.float64, device=self.x.device)
        return self.x[:, list(self.missing)].double().quantile(places, dim=0)


def conditional(
    model: GenerativeModel,
    known: Mapping[int, float],
    n: int = 1000,
    given: GivenAsked = None,
    *,
    proposals: int = 8192,
    fewest: float = 100,
    seed: int = 0,
) -> Conditional:
    """Draws the entries of a row that are not known given those that are.

    Args:
        model: A model of rows of reals that samples and has a density.
        known: The values of entries, by number.
        n: How many rows.
        given: The model's condition, one for all rows.
        proposals: Weighted draws of a round, where draws are weighted.
        fewest: The effective sample size below which there is no answer.
        seed: Names the draws.

    Raises:
        TypeError: If rows are no vectors of reals, or the model has no density to weight by.
        ValueError: If entries are not there, or all are known or none.
        WeightsCollapsed: If too few weights carry the answer.

    Example:
        >>> from genzoo.core import Space
        >>> from genzoo.models.flows import MaskedNets, autoregressive_flow
        >>> flow = autoregressive_flow(Space((3,)), nets=MaskedNets(8, 1), depth=1)
        >>> found = conditional(flow, {0: 1.5}, 4)
        >>> found.x[:, 0].tolist(), found.method, found.missing
        ([1.5, 1.5, 1.5, 1.5], 'prefix', (1, 2))
    """
    question = _Question.of(model, known, given, seed)
    found = _by_prefix(question, n)
    return _by_weights(question, n, proposals, fewest) if found is None else found


class _Question(NamedTuple):
    """What is asked, with rows of the model."""

    model: GenerativeModel
    known: tuple[int, ...]
    missing: tuple[int, ...]
    values: Float[Tensor, " known"]
    drawn: Float[Tensor, "rows D"]
    given: GivenAsked
    noise: Noise

    @classmethod
    def of(cls, model: GenerativeModel, known: Mapping[int, float], given: GivenAsked, seed: int) -> "_Question":
        if not model.space.is_real or len(model.space.shape) != 1 or not model.can(Capability.LOG_PROB):
            raise TypeError(
                f"Entries are drawn given others in vectors of reals under a density, got {model.space}, likelihood "
                f"{model.likelihood.value}. Train a flow, such as nsf, on the columns that are numbers."
            )
        dims = model.space.dims
        missing = tuple(entry for entry in range(dims) if entry not in known)
        if not known or not missing or any(not 0 <= entry < dims for entry in known):
            raise ValueError(
                f"Some entries of {dims} must be known and some not, got {sorted(known)} known. Name 1 to {dims - 1}."
            )
        drawn = model.sample(DRAWN, given, seed=seed)
        order = tuple(sorted(known))
        values = torch.tensor([known[entry] for entry in order], dtype=drawn.dtype, device=drawn.device)
        return cls(model, order, missing, values, drawn, given, Noise(seed, "conditional", device=drawn.device))

    def rows(self, missing: Float[Tensor, "n missing"]) -> Float[Tensor, "n D"]:
        """Whole rows."""
        x = missing.new_empty(len(missing), self.model.space.dims)
        x[:, list(self.known)], x[:, list(self.missing)] = self.values, missing
        return x


def _by_prefix(asked: _Question, n: int) -> Conditional | None:
    """Exact draws, where what is known fixes as many entries of z and leaves the law of the others."""
    latent, model = asked.model.ability(Latent), asked.model
    if latent is None or model.likelihood != Likelihood.EXACT or latent.space.dims != model.space.dims:
        return None
    few = asked.drawn[:64]
    with torch.no_grad():
        rows = asked.rows(few[:, list(asked.missing)])
        z, told = (model.encode(part, asked.given).flatten(1) for part in (rows, few))
        fixed = (z - z[:1]).abs().amax(0) <= 1e-5 * told.std(0)
        if int(fixed.sum()) != len(asked.known):
            return None
        given = model.checked_given(asked.given, n)
        whole = latent.draw(n, given, asked.noise).flatten(1)
        if not _independent(latent, model.checked_given(asked.given, 64), whole, fixed):
            return None
        x = model.decode(torch.where(fixed, z[:1], whole).unflatten(1, latent.space.shape), asked.given)
    off = (x[:, list(asked.known)] - asked.values).abs() / asked.drawn[:, list(asked.known)].std(0)
    if not bool((off < CLOSE).all()):
        return None
    return Conditional(asked.rows(x[:, list(asked.missing)]), asked.missing, "prefix", float(n))


def _independent(latent: Latent, given: Given, z: Float[Tensor, "n D"], fixed: Tensor) -> bool:
    """Whether the law of z is a product of that of the fixed entries and that of the others."""
    a = z[torch.arange(64) % len(z)]
    b = a.flip(0) + 1
    corners = [torch.where(fixed, p, q).unflatten(1, latent.space.shape) for p in (a, b) for q in (a, b)]
    aa, ab, ba, bb = (latent.log_prior(corner, given).double() for corner in corners)
    return bool((aa - ab - ba + bb).abs().max() < 1e-3)


def _by_weights(asked: _Question, n: int, proposals: int, fewest: float) -> Conditional:
    """Draws of a mixture that moves to where the weights are."""
    away = (asked.drawn[:, list(asked.known)] - asked.values) / asked.drawn[:, list(asked.known)].std(0)
    near = asked.drawn[away.square().sum(1).topk(min(NEAR, len(away)), largest=False).indices]
    centers, log_w, y = near[:, list(asked.missing)], asked.values.new_zeros(0), near
    for turn in range(ROUNDS):
        mixture = _Mixture.around(centers)
        y = mixture.draw(proposals, asked.noise.at("round", turn))
        with torch.no_grad():
            log_p = asked.model.log_prob(asked.rows(y), asked.given)
        log_w = (log_p - mixture.log_prob(y)).double().nan_to_num(-torch.inf)
        if not bool(log_w.isfinite().any()):
            raise WeightsCollapsed("No draw has a density: the known values lie where the model has none. Check them.")
        centers = y[_again(log_w, NEAR, asked.noise.at("near", turn))]
    ess = effective_sample_size(log_w)
    if ess < fewest:
        raise WeightsCollapsed(
            f"{proposals} weighted draws must be worth {fewest:g}, got {ess:.1f}. Ask for more proposals, know more "
            "entries, or take a flow of one autoregressive map whose first columns are those that are known."
        )
    x = asked.rows(y[_again(log_w, n, asked.noise.at("last"))])
    return Conditional(x, asked.missing, "importance", ess, (log_w.logsumexp(0) - math.log(proposals)).item())


def _again(log_w: Float[Tensor, " N"], n: int, noise: Noise) -> Tensor:
    """Numbers of rows, each by its weight, as evenly as can be."""
    places = (torch.arange(n, device=log_w.device) + noise.uniform(1, dtype=torch.float64)) / n
    upto = log_w.softmax(0).cumsum(0)
    return torch.searchsorted(upto, places).clamp_max(len(log_w) - 1)


class _Mixture(NamedTuple):
    """Gaussians of one shape around centers, and a wide one around all of them."""

    centers: Float[Tensor, "k m"]
    mean: Float[Tensor, " m"]
    root: Float[Tensor, "m m"]  # L, L Lᵀ being the covariance of the centers
    narrow: float

    @classmethod
    def around(cls, centers: Float[Tensor, "k m"]) -> "_Mixture":
        k, m = centers.shape
        spread = centers.double().T.cov(correction=0).reshape(m, m)
        floor = (
            1e-6 * spread.diagonal().mean().clamp_min(1e-12) * torch.eye(m, dtype=spread.dtype, device=spread.device)
        )
        narrow = (4 / ((m + 2) * k)) ** (1 / (m + 4))  # Silverman's
        return cls(centers, centers.mean(0), torch.linalg.cholesky(spread + floor).to(centers.dtype), narrow)

    def draw(self, n: int, noise: Noise) -> Float[Tensor, "n m"]:
        wide = noise.at("wide").uniform(n) < SHARE
        of = noise.at("center").integers(len(self.centers), n)
        middle = torch.where(wide[:, None], self.mean, self.centers[of])
        scale = torch.where(wide, WIDE, self.narrow)[:, None]
        return middle + scale * noise.at("step").normal(n, len(self.mean), dtype=self.mean.dtype) @ self.root.T

    def log_prob(self, y: Float[Tensor, "n m"]) -> Float[Tensor, " n"]:
        m, shape = len(self.mean), self.root.double()
        at, centers, mean = (
            torch.linalg.solve_triangular(shape, part.double().T, upper=False).T
            for part in (y, self.centers, self.mean[None])
        )
        constant = -shape.diagonal().log().sum() - m * math.log(2 * math.pi) / 2
        near = -torch.cdist(at, centers).square() / (2 * self.narrow**2) - m * math.log(self.narrow)
        wide = -(at - mean).square().sum(1) / (2 * WIDE**2) - m * math.log(WIDE)
        narrow = near.logsumexp(1) - math.log(len(centers)) + math.log(1 - SHARE)
        return constant + torch.logaddexp(narrow, wide + math.log(SHARE))
