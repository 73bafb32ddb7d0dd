"""Probabilities of rare events, by importance sampling from a proposal that learns where they happen.

With n samples of the model an event of probability p is seen n p times, so p = 10⁻⁶ would take 10⁸ of them. A proposal
q under which the event is common needs few, each weighted by how much rarer it is under the model,

$$ P(A) = \\mathbb E_q\\Big[ 1_A(u)\\, \\frac{p(u)}{q(u)} \\Big]. $$

The cross-entropy method finds q by a ladder of less and less likely events: those of the highest margin among the
samples of one proposal are what the next is fitted to. Here u is the *noise* of the model — all the normal numbers
that it draws for a sample, whose density is known whatever the model — or x itself, where its density is known.

Two guards keep the answer honest. Every proposal is mixed with the model itself, so that no weight exceeds 1/ε; and
entries of u in which the event does not show stay as they are, so that weights do not degenerate with dimension.

References:
    Rubinstein & Kroese, 2004, "The cross-entropy method"
    Hesterberg, 1995, "Weighted average importance sampling and defensive mixture distributions"
    Rubinstein & Glynn, 2009, "How to deal with the curse of dimensionality of likelihood ratios in Monte Carlo
    simulation"
"""

import contextlib
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.core.given import Given
from genzoo.core.model import GenerativeModel
from genzoo.core.noise import Noise
from genzoo.tasks import intervals
from genzoo.tasks.expectations import Function, one_a_row
from genzoo.tasks.importance import WeightsCollapsed, effective_sample_size
from genzoo.tasks.intervals import Interval
from genzoo.tasks.proposal import Proposal
from genzoo.tasks.sources import Source, source_of

__all__ = ["RareEvent", "rare_event"]

SHARE = 0.1  # of the samples of a round, those that the next proposal is fitted to
ROUNDS, PATIENCE = 60, 6
MODES = (1, 2, 4, 8)
FEWEST = 100  # effective samples in the event, below which its interval would mean nothing


@dataclass(frozen=True)
class RareEvent:
    """The probability of an event, and what stands behind it.

    Attributes:
        probability: With its interval.
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
    given: Given = None,
    seed: int = 0,
    where: str | None = None,
    modes: int | None = None,
    chunk: int = 1000,
) -> RareEvent:
    """P(margin(x) > 0) under a model, down to one in a million and less.

    A proposal of one mode finds one way to the event; where its weights collapse, as they do for |x| > 4, more modes
    are tried. A way that no sample of the ladder took is missing from the answer, and no weight tells: if the event is
    known to have several, name as many modes.

    Args:
        model: A model that draws normal numbers, as flows, VAEs, GANs and diffusions do, or one of exact density.
        margin: A number for each row of x, above 0 where the event happens and the higher the nearer to it, as
            `lambda x: x[:, 3] - 2` or `Expression("x[3] > 2").margin`.
        n: Samples of the last proposal; a fifth of them in each round before.
        given: Rows of the condition, taken in turn.
        seed: Names all draws.
        where: `noise` or `data`; by default the noise, if the model draws normal numbers, else the data.
        modes: The Gaussians that the proposal is mixed of; by default 1, and 2, 4, 8 while the weights collapse.
        chunk: How many rows are drawn at a time.

    Raises:
        Unsupported: If the model neither draws normal numbers nor has an exact density of reals.
        WeightsCollapsed: If the ladder does not reach the event, or too few weights carry the answer.
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
    source = source_of(model, given, where, Noise(seed, "rare", device=model.device))
    climb = _Climb(source, margin, n, chunk)
    *before, last = MODES if modes is None else (modes,)
    for count in before:
        with contextlib.suppress(WeightsCollapsed):
            return climb.answer(count)
    return climb.answer(last)


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
        log_weights, margins = self.drawn(proposal, self.n, f"last {modes}")
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
