"""Saddle points: why a game of two is not a descent, on games that can be solved by hand.

One player lowers a value f(x, y) by x, the other raises it by y. On f = x y, which has its saddle at zero, gradient
steps of rate η turn: both at once they go out by √(1 + η²) at each step, one after the other they go around on an
ellipse, and looked ahead they come in by √(1 − η² + η⁴).
"""

from collections.abc import Callable
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["Fate", "alternating", "extragradient", "fate", "path", "simultaneous"]

Value = Callable[[Tensor, Tensor], Tensor]
Point = tuple[Tensor, Tensor]
Step = Callable[[Value, Point, float], Point]
Fate = Literal["comes to rest", "goes around", "runs away"]


def slopes(value: Value, at: Point) -> Point:
    """∂f/∂x and ∂f/∂y.

    Args:
        value: f.
        at: x and y.
    """
    with torch.enable_grad():
        x, y = (part.detach().requires_grad_() for part in at)
        of_x, of_y = torch.autograd.grad(value(x, y).sum(), (x, y))
    return of_x, of_y


def simultaneous(value: Value, at: Point, rate: float) -> Point:
    """Both players move at once, x − η ∂f/∂x and y + η ∂f/∂y.

    Args:
        value: f.
        at: x and y.
        rate: η.

    Example:
        >>> simultaneous(lambda x, y: x * y, (torch.ones(1), torch.zeros(1)), 0.1)
        (tensor([1.]), tensor([0.1000]))
    """
    of_x, of_y = slopes(value, at)
    return at[0] - rate * of_x, at[1] + rate * of_y


def alternating(value: Value, at: Point, rate: float, *, critic_steps: int = 1) -> Point:
    """One player moves, then the other, who sees it.

    Args:
        value: f.
        at: x and y.
        rate: η.
        critic_steps: How often y moves in its turn.

    Example:
        >>> alternating(lambda x, y: x * y, (torch.ones(1), torch.ones(1)), 0.1)
        (tensor([0.9000]), tensor([1.0900]))
    """
    x, y = at[0] - rate * slopes(value, at)[0], at[1]
    for _ in range(critic_steps):
        y = y + rate * slopes(value, (x, y))[1]
    return x, y


def extragradient(value: Value, at: Point, rate: float) -> Point:
    """Both move from where they are by the slopes of where they would be.

    Args:
        value: f.
        at: x and y.
        rate: η.

    Example:
        >>> extragradient(lambda x, y: x * y, (torch.ones(1), torch.zeros(1)), 0.1)
        (tensor([0.9900]), tensor([0.1000]))

    References:
        Korpelevich, 1976, "The extragradient method for finding saddle points and other problems"
    """
    of_x, of_y = slopes(value, simultaneous(value, at, rate))
    return at[0] - rate * of_x, at[1] + rate * of_y


def path(
    value: Value, start: Point, step: Step, *, rate: float = 0.1, steps: int = 200
) -> Float[Tensor, "T 2 *shape"]:
    """Where the players stand before each step, and after the last.

    Args:
        value: f.
        start: Where they begin.
        step: How they move.
        rate: η.
        steps: How often.

    Example:
        >>> path(lambda x, y: x * y, (torch.ones(1), torch.ones(1)), extragradient).shape
        torch.Size([201, 2, 1])
    """
    points = [start]
    for _ in range(steps):
        points.append(step(value, points[-1], rate))
    return torch.stack([torch.stack(point) for point in points])


def fate(value: Value, points: Float[Tensor, "T 2 *shape"], *, factor: float = 2.0) -> Fate:
    """What becomes of a game: whether its slopes vanish along a path, stay, or grow.

    Args:
        value: f.
        points: The path.
        factor: How many times smaller or larger they must be at the end than at the beginning.

    Example:
        >>> game, start = (lambda x, y: x * y), (torch.ones(1), torch.ones(1))
        >>> [fate(game, path(game, start, step)) for step in (simultaneous, alternating, extragradient)]
        ['runs away', 'goes around', 'comes to rest']
    """
    tenth = max(1, len(points) // 10)
    first, last = (_steep(value, part) for part in (points[:tenth], points[-tenth:]))
    if not last < factor * first:  # NaN has run away, too
        return "runs away"
    return "comes to rest" if last < first / factor else "goes around"


def _steep(value: Value, points: Tensor) -> float:
    """The largest norm of the slopes along a path."""
    norms = [torch.cat([part.flatten() for part in slopes(value, (x, y))]).norm().item() for x, y in points]
    return max(norms) if all(norm == norm for norm in norms) else float("nan")
