"""Probabilities of rare events, by importance sampling from a proposal that learns where they happen.

With n samples of the model an event of probability p is seen n p times, so p = 10⁻⁶ would take 10⁸ of them. A proposal
q under which the event is common needs few, each weighted by how much rarer it is under the model,

$$ P(A) = \\mathbb E_q\\Big[ 1_A(u)\\, \\frac{p(u)}{q(u)} \\Big]. $$

Here u is every number that the model draws for a sample, in units of standard normals, so the density of u is known
whatever the model. Where q must lie is found by splitting (`genzoo.tasks.splitting`): particles follow a ladder of
less and less likely events, and q is fitted to those that arrive. Both tell P(A). If enough samples of q carry its
answer, and it is not below what two ladders found, its error is that of independent samples, or what the particles say
that q misses; if not, as where the event has no shape that Gaussians fit, splitting is repeated and the answer is the
mean of the repetitions. An event that no particle reaches has an upper bound.

By name (`modes`, `where="data"`) q is found by the cross-entropy method instead, in which the samples of one proposal
of highest margin are what the next is fitted to: in the normal numbers alone, or in x where its density is exact.

Two guards keep the answer honest. Every proposal is mixed with the model itself, so that no weight exceeds 1/ε; and
entries of u in which the event does not show stay as they are, so that weights do not degenerate with dimension.

References:
    Rubinstein & Kroese, 2004, "The cross-entropy method"
    Hesterberg, 1995, "Weighted average importance sampling and defensive mixture distributions"
    Rubinstein & Glynn, 2009, "How to deal with the curse of dimensionality of likelihood ratios in Monte Carlo
    simulation"
    Au & Beck, 2001, "Estimation of small failure probabilities in high dimensions by subset simulation"
"""

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.core.given import GivenLike
from genzoo.core.model import GenerativeModel
from genzoo.core.noise import Noise
from genzoo.tasks import intervals
from genzoo.tasks.expectations import Function, one_a_row
from genzoo.tasks.importance import WeightsCollapsed, effective_sample_size
from genzoo.tasks.intervals import Interval
from genzoo.tasks.proposal import Proposal, standard
from genzoo.tasks.sources import Source, WholeNoise, require_place, source_of
from genzoo.tasks.splitting import SHARE, Descent, descend

__all__ = ["RareEvent", "rare_event"]

ROUNDS, PATIENCE = 60, 6
MODES = (1, 2, 4, 8)
REPEATS = 10  # of splitting, each by a tenth of the samples
MOST = 1 << 26  # numbers of all particles
SURE = -math.log(0.025)  # with 97.5 %: rows that would have shown an event, times its probability
MOST_WIDER = 3.0  # than its samples tell may an interval be; beyond, splitting is repeated
FEWEST = 100  # effective samples in the event, below which its interval would mean nothing


@dataclass(frozen=True)
class RareEvent:
    """The probability of an event, and what stands behind it.

    Attributes:
        probability: With its interval; from 0 to an upper bound if the event was never seen.
        ess: The effective number of samples in the event, $(\\sum w)^2 / \\sum w^2$.
        hits: The samples in the event.
        n: The samples of the last proposal.
        levels: The margin that each round of the ladder reached; the last is 0, the event itself.
        draws: All samples that were drawn.
    """

    probability: Interval
    ess: float
    hits: int
    n: int
    levels: tuple[float, ...]
    draws: int


def rare_event(
    model: GenerativeModel,
    margin: Function,
    n: int = 10_000,
    *,
    given: GivenLike = None,
    seed: int = 0,
    where: str | None = None,
    modes: int | None = None,
    chunk: int = 1000,
) -> RareEvent:
    """P(margin(x) > 0) under a model, down to one in a million and less.

    A way to the event that no particle of the ladder took is missing from the answer, and no weight tells: raise n
    where an event has several of unlike probability.

    Args:
        model: Any model; all that it must do is sample.
        margin: A number for each row of x, above 0 where the event happens and the higher the nearer to it, as
            `lambda x: x[:, 3] - 2` or `Expression("x[3] > 2").margin`.
        n: Samples of the last proposal; a third as many are the particles that look for the event.
        given: Rows of the condition, taken in turn.
        seed: Names all draws.
        where: `noise`, or `data` for a proposal of x itself by the cross-entropy method.
        modes: The Gaussians that a proposal of the cross-entropy method is mixed of, and of no other; by default
            splitting says where to look, and how many there are.
        chunk: How many rows are drawn at a time.

    Raises:
        Unsupported: If `modes` or `where` asks for normal numbers or an exact density, and the model has none.
        WeightsCollapsed: If a named number of modes does not reach the event, or too few weights carry the answer.
        ValueError: If `n` or `modes` is not positive, or the margin is not one number a row.

    Example:
        >>> from genzoo.core import Space
        >>> from genzoo.models.classical import Gaussian
        >>> found = rare_event(Gaussian(Space((3,))), lambda x: x[:, 0] - 4.753424, n=4000)
        >>> 1e-6 in found.probability, found.ess > 400
        (True, True)
    """
    if n < FEWEST or (modes is not None and modes < 1):
        raise ValueError(f"`n` must be at least {FEWEST} and `modes` positive, got {n} and {modes}.")
    noise = Noise(seed, "rare", device=model.device)
    if modes is None and where != "data":
        require_place(where)
        return _Search(WholeNoise(model, given, noise), margin, n, chunk).answer()
    source = source_of(model, given, where, noise)
    climb = _Climb(source, margin, n, chunk)
    *before, last = MODES if modes is None else (modes,)
    for count in before:
        with contextlib.suppress(WeightsCollapsed):
            return climb.answer(count)
    return climb.answer(last)


@dataclass
class _Search:
    """Splitting, and a proposal where it led."""

    source: WholeNoise
    margin: Function
    n: int
    chunk: int

    def answer(self) -> RareEvent:
        """By the proposal, unless it finds less than splitting did; else by splitting again."""
        first = self._first()
        if not first.probability:
            return self._bounded(first)
        climb = _Climb(self.source, self.margin, self.n, self.chunk, first.draws)
        with contextlib.suppress(WeightsCollapsed):
            proposal = self._proposal(first, climb)
            found = climb.last(proposal, "last", first.levels)
            wider = self._wider(proposal, first, found)
            if wider > MOST_WIDER:
                return self._repeated(climb.draws)
            value, low, high = found.probability
            probability = Interval(value, max(0.0, value - wider * (value - low)), value + wider * (high - value))
            found = replace(found, probability=probability)
            least = first.probability * math.exp(-2 * max(_error(first), first.spread))
            if found.probability.high >= least:  # what q misses makes it too low
                return found
        return self._repeated(climb.draws)

    def _first(self) -> Descent:
        """Two descents as one: a way to the event that the particles of one lost by chance, the other has kept."""
        particles = max(10 * FEWEST, self.n // 6)
        one, other = (self._descent(particles, name) for name in ("first", "second"))
        if not (one.probability and other.probability):
            return one if one.probability >= other.probability else other
        return one.beside(other)

    def _descent(self, particles: int, name: str, moves: int = 2) -> Descent:
        count = min(particles, max(FEWEST, MOST // self.source.dims))
        noise = self.source.noise.at("splitting", name)
        return descend(self.source, self.margin, count, noise, moves=moves, chunk=self.chunk)

    def _proposal(self, found: Descent, climb: "_Climb") -> Proposal:
        """Fitted to the particles, then once more to samples of it.

        What few first particles have in common may be chance, so the fit begins with what all roots show.
        """
        modes, fits = self._modes(found), list[tuple[float, int, Proposal]]()
        for number, kin in enumerate((found.roots, found.ancestors)):
            proposal = Proposal.fitted(found.u, _equal(found.u), modes, worth=len(kin.unique()) / len(found.u))
            log_weights, margins = climb.drawn(proposal, max(10 * FEWEST, self.n // 6), f"trial {number}")
            hit = (margins > 0).nonzero()[:, 0]
            ess = effective_sample_size(log_weights[hit])
            if ess >= 50 * modes:
                u, _, _ = self.source.draw(proposal, hit, self.source.noise.at(f"trial {number}"))
                return Proposal.fitted(u, log_weights[hit], max(1, min(modes, int(ess / FEWEST))))
            fits.append((ess, number, proposal))
        return max(fits)[2]

    def _wider(self, proposal: Proposal, first: Descent, found: RareEvent) -> float:
        """By how much an interval is too narrow, as the particles tell it: samples of a proposal do not know what it
        misses, and $\\mathrm{var}_q / P^2 = E_{p | A}[p / q] / P - 1$ is a mean over particles."""
        weights = proposal.log_weights(first.u, standard(first.u)).exp()
        told = math.sqrt(weights.mean().item() / (found.probability.value * found.n))
        own = (found.probability.high - found.probability.value) / (1.96 * found.probability.value)
        return max(1.0, told / own)

    def _modes(self, found: Descent) -> int:
        """As many Gaussians as, fitted to half of the particles, tell the other half best."""
        even = found.ancestors % 2 == 0
        one, other = found.u[even], found.u[~even]

        def told(modes: int) -> float:
            return Proposal.fitted(one, _equal(one), modes).log_density(other).logsumexp(1).mean().item()

        return max((count for count in MODES if 20 * count <= min(len(one), len(other))), key=told, default=1)

    def _repeated(self, draws: int) -> RareEvent:
        """The mean of independent repetitions, whose logarithms are about normal."""
        particles = max(5 * FEWEST, self.n // REPEATS)
        runs = [self._descent(particles, f"again {k}", moves=6) for k in range(REPEATS)]
        found = intervals.of_mean(torch.tensor([run.probability for run in runs], dtype=torch.float64))
        if not found.value:
            return self._bounded(runs[0])
        spread = (found.high - found.value) / found.value
        near = math.exp(math.sqrt(math.log1p(spread**2)))
        low = found.value / near if all(run.probability for run in runs) else 0.0
        hits, draws = sum(len(run.u) for run in runs if run.probability), draws + sum(run.draws for run in runs)
        ess = float(sum(len(run.ancestors.unique()) for run in runs if run.probability))
        probability = found._replace(low=low, high=max(found.high, found.value * near))
        best = next(run for run in runs if run.probability)
        return RareEvent(probability, ess, hits, self.n, tuple(best.levels), draws)

    def _bounded(self, found: Descent) -> RareEvent:
        """The upper bound of an event that no particle reached; a count, where nothing tells near from far."""
        if not found.levels:
            climb = _Climb(self.source, self.margin, self.n, self.chunk, found.draws)
            _, margins = climb.drawn(Proposal.of_model(self.source.dims), self.n, "count")
            hits = int((margins > 0).sum())
            counted = intervals.of_proportion(hits, self.n, exact=True)
            return RareEvent(counted, float(hits), hits, self.n, (), climb.draws)
        high = min(1.0, (1 + 3 * _error(found)) * found.reached * SURE / len(found.ancestors.unique()))
        return RareEvent(Interval(0.0, 0.0, high), 0.0, 0, self.n, tuple(found.levels), found.draws)


def _equal(u: Tensor) -> Float[Tensor, " n"]:
    return torch.zeros(len(u), dtype=torch.float64)


def _error(found: Descent) -> float:
    """About the relative standard error of splitting: a level's, times what copies that stay alike add to it."""
    independent = (1 - SHARE) / max(1.0, SHARE * found.draws / (2 * len(found.levels) + 1))
    return math.sqrt(5 * len(found.levels) * independent)


@dataclass
class _Climb:
    """The way to an event."""

    source: Source
    margin: Function
    n: int
    chunk: int
    draws: int = 0

    def answer(self, modes: int) -> RareEvent:
        """The probability by the last proposal of a ladder."""
        proposal, levels = self.ladder(max(10 * FEWEST, self.n // 5), modes)
        return self.last(proposal, f"last {modes}", levels)

    def last(self, proposal: Proposal, name: str, levels: Sequence[float]) -> RareEvent:
        """The probability by samples of a proposal."""
        log_weights, margins = self.drawn(proposal, self.n, name)
        hit = margins > 0
        ess = effective_sample_size(log_weights[hit])
        if ess < FEWEST:
            raise WeightsCollapsed(
                f"At least {FEWEST} effective samples must be in the event, got {ess:.1f} of {int(hit.sum()):,} hits "
                f"in {self.n:,}. Raise n; name more modes; or try the other of noise and data."
            )
        found = intervals.of_mean(log_weights.exp() * hit)
        probability = found._replace(low=max(0.0, found.low))
        return RareEvent(probability, ess, int(hit.sum()), self.n, tuple(levels), self.draws)

    def ladder(self, n: int, modes: int) -> tuple[Proposal, list[float]]:
        """A proposal under which the event is common, and the levels that led there."""
        proposal, levels, waited = Proposal.of_model(self.source.dims), list[float](), 0
        while len(levels) < ROUNDS and waited < PATIENCE:
            name = f"round {len(levels)} of {modes}"
            log_weights, margins = self.drawn(proposal, n, name)
            level = min(0.0, margins.quantile(1 - SHARE).item())
            waited = 0 if not levels or level > max(levels) else waited + 1
            levels.append(level)
            chosen = (margins > 0 if level == 0 else margins >= level).nonzero()[:, 0]
            u, _, _ = self.source.draw(proposal, chosen, self.source.noise.at(name))
            proposal = Proposal.fitted(u, log_weights[chosen], modes)
            if level == 0:
                return proposal, levels
        raise WeightsCollapsed(
            f"The ladder must lead to the event, got stuck at {max(levels):.4g} after {len(levels)} rounds. "
            "Give a margin that grows towards the event, raise n, or name more modes."
        )

    def drawn(self, proposal: Proposal, n: int, name: str) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"]]:
        """The log-weights and margins of n samples of a proposal."""
        log_weights, margins = [], []
        for start in range(0, n, self.chunk):
            rows = torch.arange(start, min(n, start + self.chunk))
            u, x, log_prob = self.source.draw(proposal, rows, self.source.noise.at(name))
            log_weights.append(proposal.log_weights(u, log_prob))
            margins.append(one_a_row(self.margin(x), len(rows)).double().cpu())
        self.draws += n
        return torch.cat(log_weights), torch.cat(margins)
