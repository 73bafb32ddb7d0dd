"""Rows of a model in which something holds: `age > 60 and sex == 'F'`.

Where a model knows the mass of boxes, the event is taken apart into boxes that share no row: its chance is the sum of
theirs, and draws from within are exact, however rare it is. Elsewhere rows are drawn until enough of them are in it,
and the share that was is an estimate of the chance.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Shaped
from torch import Tensor

from genzoo._like import first_like
from genzoo.core.given import Given, GivenAsked, given_rows
from genzoo.core.model import GenerativeModel, Unsupported, evaluating
from genzoo.core.noise import Noise
from genzoo.distributions.region import EventsLike, Region

__all__ = ["Never", "Within", "boxed", "rejected"]

PART = 4096  # rows that are drawn at a time, and looked at
FEWEST = 100_000  # rows that are drawn before one gives up, at least
EACH = 1000  # and for each row that is wanted


class Never(ValueError):
    """An event that no draw is in, or too few."""


@dataclass(frozen=True)
class Within:
    """Rows of an event.

    Attributes:
        x: The rows.
        given: The condition of each.
        chance: The probability of the event under the model, of the conditions that were asked for.
        tried: How many rows were drawn; None where the chance is told by the model.
        consistent: Whether what it tells is of one law, and so exact.
    """

    x: Shaped[Tensor, "n *event"]
    given: Given
    chance: float
    tried: int | None = None
    consistent: bool = True


def boxed(
    model: GenerativeModel, boxes: Sequence[Region], n: int, given: GivenAsked = None, *, seed: int = 0
) -> Within | None:
    """Draws rows within boxes that share no row, exactly; None where the model does not know their masses.

    Args:
        model: The model.
        boxes: The event.
        n: How many rows.
        given: The model's condition, one for each row or one for all.
        seed: Names the draws.

    Raises:
        Never: If the event has no mass.

    Example:
        >>> from genzoo.core import Space
        >>> from genzoo.distributions import Range
        >>> from genzoo.models.classical import Gaussian
        >>> found = boxed(Gaussian(Space((2,))), [{0: Range(low=1.0)}], 4)
        >>> bool((found.x[:, 0] >= 1).all()), found.tried
        (True, None)
    """
    events = first_like(model.abilities(), EventsLike)
    if events is None:
        return None
    rows, noise = model.checked_given(given, n), Noise(seed, "within", device=model.device)
    with torch.no_grad(), evaluating(model):
        try:
            masses = [events.log_mass(n, box, rows) for box in boxes]
        except Unsupported:
            return None
        joint = torch.stack(masses, 1).double() if masses else torch.full((n, 1), -torch.inf)
        chance = joint.logsumexp(1)
        if not bool(chance.isfinite().all()):
            raise Never("Under this model the event has no probability at all. Ask for something that can happen.")
        which, parts = noise.at("box").categorical(joint), []
        order = torch.cat([(which == k).nonzero().squeeze(1) for k in range(len(boxes))])
        for k, box in enumerate(boxes):
            if len(own := (which == k).nonzero().squeeze(1)):
                parts.append(events.draw_within(len(own), box, given_rows(rows, own), noise.at("x").rows(own)))
    chance_of_all = chance.exp().mean().item()
    return Within(torch.cat(parts)[order.argsort()], rows, chance_of_all, consistent=events.consistent)


def rejected(
    model: GenerativeModel,
    holds: Callable[[Tensor], Bool[Tensor, " n"]],
    n: int,
    given: GivenAsked = None,
    *,
    seed: int = 0,
    most: int | None = None,
    options: Mapping[str, Any] | None = None,
) -> Within:
    """Draws rows until n are in an event.

    Args:
        model: The model.
        holds: Whether rows are in the event.
        n: How many are wanted.
        given: The model's condition, one for each row or one for all; each row keeps its own.
        seed: Names the draws.
        most: How many rows are drawn at most; by default 1,000 for each that is wanted, and 100,000 at least.
        options: Of the model's sampling.

    Raises:
        Never: If too few of them were in it.

    Example:
        >>> from genzoo.core import Space
        >>> from genzoo.models.classical import Gaussian
        >>> found = rejected(Gaussian(Space((2,))), lambda x: x[:, 0] > x[:, 1], 5)
        >>> bool((found.x[:, 0] > found.x[:, 1]).all()), found.tried
        (True, 4095)
    """
    rows = model.checked_given(given, n)
    most = max(FEWEST, EACH * n) if most is None else most
    pending, found, tried, hits = torch.arange(n, device=model.device), list[tuple[Tensor, Tensor]](), 0, 0
    while len(pending) and tried < most:
        which = pending.repeat(max(1, PART // len(pending)))
        drawn = model.sample(len(which), given_rows(rows, which) or None, seed=seed, start=tried, **(options or {}))
        inside = holds(drawn).nonzero().squeeze(1)
        tried, hits = tried + len(which), hits + len(inside)
        own = _first(inside, which if rows else None, pending)
        found.append((pending[: len(own)] if not rows else which[own], drawn[own]))
        pending = pending[len(own) :] if not rows else pending[~torch.isin(pending, which[own])]
    if len(pending):
        got = f"{hits} of {tried:,} draws were" if hits else f"none of {tried:,} draws was"
        raise Never(
            f"{n} rows must be in the event, and {got}. Ask for fewer rows, for something more likely, or take a "
            "model that knows the mass of boxes, such as gaussian_mixture with covariance=diag."
        )
    order = torch.cat([numbers for numbers, _ in found]).argsort()
    return Within(torch.cat([x for _, x in found])[order], rows, hits / tried, tried)


def _first(inside: Tensor, which: Tensor | None, pending: Tensor) -> Tensor:
    """The draws that are taken: the first ones, or where each row has a condition of its own, the first of each."""
    if which is None:
        return inside[: len(pending)]
    _, place = torch.unique(which[inside], return_inverse=True)
    first = torch.full((int(place.max()) + 1 if len(place) else 0,), len(inside), device=inside.device)
    return inside[first.scatter_reduce(0, place, torch.arange(len(inside), device=inside.device), "amin")]
