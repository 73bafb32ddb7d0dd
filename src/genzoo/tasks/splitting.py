"""Splitting: a rare event reached by a ladder of events that are each likely given the one before.

$$ P(m(x) > 0) = P(m > l_1)\\, P(m > l_2 \\mid m > l_1) \\cdots P(m > 0 \\mid m > l_k). $$

Particles are the noise of a model, every number of it, in units of which each is a standard normal. At each level the
best tenth are kept and copied, and the copies move by steps that leave the normal distribution as it is,

$$ u' = \\sqrt{1 - \\beta^2}\\, u + \\beta\\, \\xi, \\qquad \\xi \\sim N(0, 1), $$

refused where they fall below the level; every other time a few numbers are drawn anew instead, which is how a choice
among components or tokens changes. So nothing is asked of the model but samples, and whatever way to the event the
first particles took, theirs are there at the end in the right proportion. The estimate has a bias of order 1/n; its
error is that of independent repetitions.

References:
    Au & Beck, 2001, "Estimation of small failure probabilities in high dimensions by subset simulation"
    Cérou, Del Moral, Furon & Guyader, 2012, "Sequential Monte Carlo for rare event estimation"
"""

import math
from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int
from torch import Tensor

from genzoo.core.noise import Noise
from genzoo.tasks.expectations import Function, one_a_row
from genzoo.tasks.sources import WholeNoise

__all__ = ["Descent", "descend"]

SHARE = 0.1  # of the particles, those that a level keeps
LEVELS, LEAST = 60, 1e-15  # where the ladder ends, whether it has reached the event or not
RENEWED = 0.1  # of a particle's numbers, those drawn anew in every other move
WANTED = (0.2, 0.5)  # between which shares of accepted moves the length of a step is left as it is


@dataclass
class Descent:
    """What a ladder found.

    Attributes:
        probability: The product of the levels' shares; 0 where the event was not reached.
        reached: The probability of the last level.
        u: The particles at the end, those in the event if it was reached.
        ancestors: The particle of the last level but one that each comes from.
        roots: The first particle that each comes from.
        levels: The margins of the levels.
        draws: The samples that were drawn.
        spread: Of several ladders, the standard error of the logarithm of their probability.
    """

    probability: float = 0.0
    reached: float = 1.0
    u: Tensor = field(default_factory=lambda: torch.empty(0))
    ancestors: Tensor = field(default_factory=lambda: torch.empty(0))
    roots: Tensor = field(default_factory=lambda: torch.empty(0))
    levels: list[float] = field(default_factory=list)
    draws: int = 0
    spread: float = 0.0

    def beside(self, other: "Descent") -> "Descent":
        """This and another of as many particles, both of which reached the event, as one; errors multiply, so the
        probability is the geometric mean."""
        first = int(max(self.ancestors.max(), self.roots.max())) + 1
        return Descent(
            math.sqrt(self.probability * other.probability),
            math.sqrt(self.reached * other.reached),
            torch.cat([self.u, other.u]),
            torch.cat([self.ancestors, first + other.ancestors]),
            torch.cat([self.roots, first + other.roots]),
            self.levels,
            self.draws + other.draws,
            abs(math.log(self.probability / other.probability)) / 2,
        )


def descend(
    source: WholeNoise, margin: Function, n: int, noise: Noise, *, moves: int = 2, chunk: int = 1000
) -> Descent:
    """Follows particles of a model's noise to an event.

    Args:
        source: The noise.
        margin: Above 0 where the event happens.
        n: Particles.
        noise: Where all draws come from.
        moves: Of each particle at each level: the more, the less do those that arrive have in common.
        chunk: Rows that are drawn at a time.

    Example:
        >>> from genzoo.core import Space
        >>> from genzoo.models.classical import Gaussian
        >>> source = WholeNoise(Gaussian(Space((3,))), None, Noise(0))
        >>> found = descend(source, lambda x: x[:, 0] - 3.09, 2000, Noise(1))
        >>> 5e-4 < found.probability < 2e-3, found.levels[-1]
        (True, 0.0)
    """
    found, beta = Descent(), 0.5
    rows, u = torch.arange(n), noise.at("start").normal(n, source.dims, dtype=torch.float64)
    found.ancestors, margins = rows, _margins(source, margin, u, rows, noise, chunk, found)
    for number in range(LEVELS):
        hits = int((margins > 0).sum())
        level = 0.0 if hits >= SHARE * n else _level(margins)
        keeps = margins > 0 if level == 0 else margins >= level
        found.u, found.roots, kept = u, rows, int(keeps.sum())
        if kept == n or (level == 0 and not hits) or found.reached * kept / n < LEAST:
            return found  # no particle is nearer than the others, or none will ever be near
        found.reached *= kept / n
        found.levels.append(level)
        chosen = keeps.nonzero()[:, 0]
        if level == 0:
            found.probability, found.u, found.roots = found.reached, u[chosen], rows[chosen]
            found.ancestors = found.ancestors[chosen]
            return found
        step = noise.at("level", number)
        parents = chosen[(torch.arange(n) + int(step.integers(kept, 1))) % kept]
        u, rows, margins, found.ancestors = u[parents], rows[parents], margins[parents], parents
        for move in range(moves):
            new = _moved(u, beta if move % 2 == 0 else None, step.at(move))
            reached = _margins(source, margin, new, rows, noise, chunk, found)
            goes = reached >= level
            u, margins = torch.where(goes[:, None], new, u), torch.where(goes, reached, margins)
            if move % 2 == 0:
                accepted = goes.double().mean().item()
                beta *= (
                    0.3
                    if accepted < WANTED[0] / 4
                    else 0.7
                    if accepted < WANTED[0]
                    else 1.3
                    if accepted > WANTED[1] and beta < 0.7
                    else 1.0
                )
    return found


def _level(margins: Tensor) -> float:
    """The margin that the best tenth reach; of equal ones so many that it tells the best from the rest."""
    level = margins.sort(descending=True).values[max(0, int(SHARE * len(margins)) - 1)]
    if (margins >= level).double().mean() > 0.5 and bool((margins > level).any()):
        level = margins[margins > level].min()
    return min(level.item(), 0.0)


def _moved(u: Float[Tensor, "n D"], beta: float | None, noise: Noise) -> Float[Tensor, "n D"]:
    """A step of a length, or some numbers drawn anew; both leave the normal distribution as it is."""
    fresh = noise.at("fresh").normal(*u.shape, dtype=u.dtype)
    if beta is not None:
        return (1 - beta**2) ** 0.5 * u + beta * fresh
    change = noise.at("which").uniform(*u.shape) < max(RENEWED, 1 / u.shape[1])
    return torch.where(change, fresh, u)


def _margins(
    source: WholeNoise, margin: Function, u: Tensor, rows: Int[Tensor, " n"], noise: Noise, chunk: int, found: Descent
) -> Float[Tensor, " n"]:
    parts = []
    for some, number in zip(u.split(chunk), rows.split(chunk), strict=True):
        x = source.run(some, number, noise.at("rest"))
        parts.append(one_a_row(margin(x), len(number)).double().cpu())
    found.draws += len(u)
    return torch.cat(parts)
