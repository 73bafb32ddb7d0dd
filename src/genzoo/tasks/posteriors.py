"""p(z | x), what a latent may have been, of any model that has one, and log p(x) between two bounds.

$$ p(z \\mid x) = \\frac{p(x \\mid z)\\,p(z)}{p(x)}. $$

- *closed*: where the law is known: the encoder's guess is the posterior itself, as of linear-Gaussian models, or z is
  a component, a path of states or hidden units, of which there are few or which are independent given x.
- *inverse*: where x = G(z) can be undone, as in a flow, z is a point.
- *importance*: draws of the guess q(z | x), each with the weight p(x, z) / q(z | x), normalized by their sum.
- *hmc*: chains that go from q (or p(z)) to the posterior, annealed; their weights tell log p(x).

What a chain gains from q to p(x, z) has the mean p(x), and so the logarithm of the mean gain of some lies below
log p(x) on average. Whoever draws z from its law and x from z holds an exact draw of p(z | x): chains from there to
q have weights of mean 1 / p(x), and log p(x) lies between the two. The distance of the bounds is more than the error
of either.

References:
    Neal, 2001, "Annealed importance sampling", arXiv:physics/9803008
    Grosse, Ghahramani & Adams, 2015, "Sandwiching the marginal likelihood using bidirectional Monte Carlo",
        arXiv:1511.02543
    Wu, Burda, Salakhutdinov & Grosse, 2017, "On the quantitative analysis of decoder-based generative models",
        arXiv:1611.04273
"""

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from genzoo._like import first_like
from genzoo.core.abilities import Latent
from genzoo.core.given import Given, GivenAsked, RowsAsked, given_rows
from genzoo.core.model import Capability, GenerativeModel, Likelihood, Unsupported, evaluating
from genzoo.core.noise import Noise, fresh_seed
from genzoo.core.space import Space
from genzoo.distributions.draws import draw
from genzoo.distributions.estimate import Estimate, mean_of
from genzoo.distributions.pushed import drawn
from genzoo.tasks.annealing import LEAPS, Tilted, again, annealed, descended, disagreement, moved
from genzoo.tasks.importance import WeightsCollapsed, effective_sample_sizes
from genzoo.tasks.inference import InferenceLike
from genzoo.tasks.inverse.posterior import Exactness, Posterior

__all__ = ["Sandwich", "posterior", "sandwich"]

Method = Literal["auto", "closed", "inverse", "importance", "hmc"]
Beginning = Literal["guess", "prior"]
ENTRIES = 1 << 20  # of x that chains or draws are worked on at a time
LEAST, MANY = 10.0, 100  # what draws must be worth; from how many draws on weights are tried
CHAINS = 4
APART = 1e-3  # how far G(encode(x)) may lie from x where x = G(z), of numbers in [−1, 1] or standard units


@runtime_checkable
class CausesLike(Protocol):
    """What is hidden behind rows and can be drawn as it is."""

    latent: Space
    exact: bool

    def drawn_behind(self, x: Tensor, given: Given, noise: Noise) -> Tensor:
        """A draw of p(z | x, given) for each row."""


class Asked(NamedTuple):
    """Rows, what they are given, and a guess at their latents."""

    guess: InferenceLike
    x: Tensor
    given: Given

    def times(self, n: int) -> "Asked":
        """The same with n rows for each, standing together."""
        index = torch.arange(len(self.x), device=self.x.device).repeat_interleave(n)
        return Asked(self.guess, self.x[index], given_rows(self.given, index))

    def path(self, begin: Beginning) -> Tilted:
        """From where chains begin to p(x, z)."""
        q = self.guess.posterior(self.x, self.given)

        def log_q(z: Tensor) -> Tensor:
            found: Tensor = q.log_prob(z)
            return found

        def log_prior(z: Tensor) -> Tensor:
            return self.guess.log_prior(z, self.given)

        def prior(noise: Noise) -> Tensor:
            return self.guess.joint(len(self.x), self.given, noise)[1]

        start = log_q if begin == "guess" else log_prior
        return Tilted(
            (lambda noise: draw(q, noise)) if begin == "guess" else prior,
            start,
            lambda z: self.guess.log_joint(self.x, z, self.given) - start(z),
        )


def posterior(
    model: GenerativeModel,
    x: RowsAsked,
    *,
    n: int = 1,
    given: GivenAsked = None,
    method: Method = "auto",
    seed: int | None = None,
    steps: int = 100,
    begin: Beginning = "guess",
) -> Posterior:
    """Draws of the latents of rows, p(z | x, given).

    "auto" takes the closed form where there is one, as of a mixture's component, a hidden chain's path and the hidden
    units of a restricted machine; else, from 100 draws on, weighted draws of the encoder if they are
    worth ten; else annealed chains. `log_evidence` is log p(x) of rows as the encoder sees them, in standard units if
    it does; of importance and chains it lies below, on average.

    Args:
        model: A model with a latent: linear-Gaussian, an autoencoder, a flow, a mixture, a hidden chain.
        x: Rows.
        n: Draws of each.
        given: What rows are given.
        method: One of those above.
        seed: Names the draws, which depend on it, on n and on the number of the row alone; else a fresh one.
        steps: Temperatures of chains; half as many moves follow.
        begin: Whether chains begin at draws of the encoder or of the prior.

    Raises:
        Unsupported: If the method does not fit the model.
        WeightsCollapsed: If weighted draws are worth fewer than ten.
        ValueError: If a number is not positive, or x is no row of the model.

    Example:
        >>> from genzoo.core import Space
        >>> from genzoo.models.classical import PPCA
        >>> model = PPCA(Space((3,)), rank=2)
        >>> found = posterior(model, torch.zeros(4, 3), n=5, seed=0)
        >>> tuple(found.x.shape), found.method, found.exactness.value
        ((5, 4, 2), 'closed', 'exact')
    """
    if n < 1 or steps < 1:
        raise ValueError(f"`n` and `steps` must be positive, got {n} and {steps}. Take 100 of each.")
    rows = model.checked(x)
    told, seed = model.checked_given(given, len(rows)), fresh_seed() if seed is None else seed
    with torch.no_grad(), evaluating(model):
        guess, causes = _guess(model), _causes(model)
        if causes is not None and method in ("auto", "closed"):
            return _caused(model, causes, rows, told, n, seed)
        chosen = _method(model, guess, method, n)
        if chosen == "inverse":
            return _undone(model, rows, told, n)
        asked = Asked(_required(model, guess, chosen), rows, told)
        if chosen == "closed":
            return _closed(asked, n, Noise(seed, "posterior", "closed", device=rows.device))
        if chosen == "importance":
            try:
                return _weighted(asked, n, seed)
            except WeightsCollapsed:
                if method != "auto" or not asked.guess.latent.is_real:
                    raise
        return _walked(asked, n, seed, steps, begin)


def _guess(model: GenerativeModel) -> InferenceLike | None:
    return first_like(model.abilities(), InferenceLike)


def _causes(model: GenerativeModel) -> CausesLike | None:
    return first_like(model.abilities(), CausesLike)


def _method(model: GenerativeModel, guess: InferenceLike | None, asked: Method, n: int) -> Method:
    """What "auto" takes."""
    if asked != "auto":
        return asked
    if guess is None:
        return "inverse"
    if guess.exact:
        return "closed"
    return "importance" if n >= MANY or not guess.latent.is_real else "hmc"


def _required(model: GenerativeModel, guess: InferenceLike | None, method: Method) -> InferenceLike:
    """The guess, if the method can go with it."""
    name = type(model).__name__
    if guess is None:
        raise Unsupported(f"{method} needs p(z) p(x | z) and a guess q(z | x), got {name}. Take method='inverse'.")
    if method == "closed" and not guess.exact:
        raise Unsupported(f"closed needs a posterior that is known, got the guess of {name}. Take 'importance'.")
    if method == "hmc" and not guess.latent.is_real:
        raise Unsupported(f"hmc needs latents that are reals, got {guess.latent} of {name}. Take 'importance'.")
    return guess


def _undone(model: GenerativeModel, x: Tensor, given: Given, n: int) -> Posterior:
    """The z of x = G(z), a point; if G undoes the encoder."""
    latent, why = model.ability(Latent), "no latent"
    if latent is not None:
        why = "no encoder; `invert` searches for the z of a picture"
    if latent is not None and model.can(Capability.ENCODE):
        z = model.encode(x, given or None)
        off = (latent.generate(z, given) - latent.numbers.of(x)).abs().max().item() if len(x) else 0.0
        if off < APART:
            return Posterior(z.expand(n, *z.shape), Exactness.EXACT, "inverse", 1, None, {"residual": off})
        why = f"an encoder whose z makes x up to {off:.2g} off"
    raise Unsupported(
        f"A posterior needs p(z) p(x | z) and a guess q(z | x), or a map x = G(z) that can be undone, got "
        f"{type(model).__name__}, which has {why}. Take an autoencoder, factor analysis or a flow."
    )


def _closed(asked: Asked, n: int, noise: Noise) -> Posterior:
    q = asked.guess.posterior(asked.x, asked.given)
    z = torch.stack([draw(q, noise.at(k)) for k in range(n)])
    log_p = asked.guess.log_joint(asked.x, z[0], asked.given) - q.log_prob(z[0])
    return Posterior(z, Exactness.EXACT, "closed", 1, log_p)


def _caused(model: GenerativeModel, causes: CausesLike, x: Tensor, given: Given, n: int, seed: int) -> Posterior:
    """Draws of symbols behind rows, as many rows at a time as memory is meant for."""
    noise = Noise(seed, "posterior", "causes", device=x.device)
    size, found = max(1, ENTRIES // (n * max(1, x[:1].numel()))), []
    for first in range(0, max(1, len(x)), size):
        index = torch.arange(len(x), device=x.device)[first : first + size].repeat_interleave(n)
        z = causes.drawn_behind(x[index], given_rows(given, index), noise.rows(slice(first * n, None)))
        found.append(z.unflatten(0, (len(index) // n, n)).transpose(0, 1))
    evidence = model.log_prob(x, given or None) if model.likelihood is Likelihood.EXACT else None
    claimed = Exactness.EXACT if causes.exact else Exactness.APPROXIMATE
    return Posterior(torch.cat(found, 1), claimed, "closed", 1, evidence)


def _weighted(asked: Asked, n: int, seed: int) -> Posterior:
    """Draws of the guess with their weights."""
    noise = Noise(seed, "posterior", "importance", device=asked.x.device)
    q, size = asked.guess.posterior(asked.x, asked.given), max(1, ENTRIES // max(1, asked.x.numel()))
    z, log_w = [], []
    for first in range(0, n, size):
        some = [drawn(q, noise.at(k)) for k in range(first, min(first + size, n))]
        part, log_q = torch.cat([z for z, _ in some]), torch.cat([log_q for _, log_q in some])
        order = torch.arange(len(asked.x), device=asked.x.device).repeat(len(some))
        joint = asked.guess.log_joint(asked.x[order], part, given_rows(asked.given, order))
        z.append(part.unflatten(0, (len(some), len(asked.x))))
        log_w.append((joint - log_q).double().unflatten(0, (len(some), len(asked.x))))
    weights = torch.cat(log_w)
    worth = float(effective_sample_sizes(weights.T).min()) if len(asked.x) else math.inf
    if worth < LEAST:
        raise WeightsCollapsed(
            f"{n:,} weighted draws of a row must be worth {LEAST:g}, got {worth:.2g}. Ask for more, or take 'hmc'."
        )
    evidence = weights.logsumexp(0) - math.log(n)
    return Posterior(torch.cat(z), Exactness.ASYMPTOTIC, "importance", n, evidence, {}, weights)


def _walked(asked: Asked, n: int, seed: int, steps: int, begin: Beginning) -> Posterior:
    """The ends of chains, some rows at a time."""
    chains, count = max(n, CHAINS), len(asked.x)
    size = max(1, ENTRIES // (chains * max(1, asked.x[:1].numel())))
    found, betas = [], temperatures(steps)
    for first in range(0, count, size):
        part = slice(first, first + size)
        rows = Asked(asked.guess, asked.x[part], given_rows(asked.given, part)).times(chains)
        path = rows.path(begin)
        noise = Noise(seed, "posterior", "hmc", start=first * chains, device=asked.x.device)
        z, log_w, sizes = annealed(path, noise.at("start"), noise.at("anneal"), betas, chains)
        log_w = log_w.view(-1, chains)
        z = z[again(log_w, noise.at("again"))]
        z, trace = moved(path, z, sizes[-1], noise.at("after"), steps // 2)
        kept = z.view(len(log_w), chains, *z.shape[1:])[:, :n].transpose(0, 1)
        found.append((kept, log_w, disagreement(trace, len(log_w), chains)))
    z, log_w = torch.cat([z for z, _, _ in found], 1), torch.cat([log_w for _, log_w, _ in found])
    told = {"ess": effective_sample_sizes(log_w), "rhat": max(worst for _, _, worst in found)}
    evidence, calls = log_w.logsumexp(1) - math.log(chains), 3 * LEAPS * (2 * steps + steps // 2)
    return Posterior(z, Exactness.ASYMPTOTIC, "hmc", calls, evidence, told)


def temperatures(steps: int) -> list[float]:
    """β from 0 to 1, most of them near the two ends, where a law changes most.

    Example:
        >>> [round(beta, 3) for beta in temperatures(4)]
        [0.0, 0.126, 0.5, 0.874, 1.0]
    """
    raised = torch.sigmoid(torch.linspace(-3.5, 3.5, steps + 1, dtype=torch.float64))
    found: list[float] = ((raised - raised[0]) / (raised[-1] - raised[0])).tolist()
    return found


@dataclass(frozen=True)
class Sandwich:
    """log p(x) of rows that a model has made, between chains that go up and chains that come down, in nats.

    Attributes:
        x: The rows.
        lower: From below, on average.
        upper: From above, on average.
    """

    x: Shaped[Tensor, "n *event"]
    lower: Float[Tensor, " n"]
    upper: Float[Tensor, " n"]

    @property
    def gap(self) -> Estimate:
        """The mean distance of the two, which is more than the error of either."""
        return mean_of(self.upper - self.lower)

    def __str__(self) -> str:
        low, high, gap = mean_of(self.lower), mean_of(self.upper), self.gap
        return (
            f"log p of {len(self.x)} rows of its own lies between {low.value:.2f} and {high.value:.2f} on average: "
            f"a gap of {gap.value:.2f} ± {gap.error or 0:.2f} nats"
        )


def sandwich(
    model: GenerativeModel,
    n: int = 20,
    *,
    given: GivenAsked = None,
    steps: int = 200,
    chains: int = CHAINS,
    begin: Beginning = "guess",
    seed: int = 0,
) -> Sandwich:
    """log p(x) of rows of the model between forward and reverse annealed importance sampling.

    Args:
        model: A model with a guess at its latents, reals: an autoencoder.
        n: Rows, drawn from the model, at least two.
        given: What they are given.
        steps: Temperatures.
        chains: Of each row, each way.
        begin: Whether chains go from the encoder's guess or from the prior.
        seed: Names the rows and the moves.

    Raises:
        Unsupported: If the model has no such guess.
        ValueError: If a number is too small.

    Example:
        >>> from genzoo.core import Space
        >>> from genzoo.models.classical import PPCA
        >>> found = sandwich(PPCA(Space((3,)), rank=2).double(), 4, steps=2)
        >>> abs(found.gap.value) < 1e-6  # its guess is the posterior itself
        True
    """
    if n < 2 or steps < 1 or chains < 1:
        raise ValueError(f"Two rows, a step and a chain must be asked for, got {n}, {steps} and {chains}.")
    noise, told = Noise(seed, "sandwich", device=model.device), model.checked_given(given, n)
    with torch.no_grad(), evaluating(model):
        guess = _required(model, _guess(model), "hmc")
        x, z = guess.joint(n, told, noise.at("rows"))
        path, betas = Asked(guess, x, told).times(chains).path(begin), temperatures(steps)
        up = annealed(path, noise.at("start"), noise.at("up"), betas, chains)
        down = descended(path, z.repeat_interleave(chains, 0), noise.at("down"), betas, up.sizes)
    lower, upper = (log_w.view(n, chains).logsumexp(1) - math.log(chains) for log_w in (up.log_w, down))
    return Sandwich(x, lower, -upper)
