"""A minimizer for functions whose value and gradient cost one pass over the data.

L-BFGS keeps the last m steps $s$ and the changes $y$ of the gradient that came with them, and so an estimate H of the
inverse of the second derivatives; the next step goes along $-H g$. A step that does not lower the function as much as
its slope promises is cut short and tried again. What is kept are buffers: a pass cut in two goes on where it was.

References:
    Nocedal, 1980, "Updating quasi-Newton matrices with limited storage", doi:10.1090/S0025-5718-1980-0572855-7
"""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["QuasiNewton"]

ENOUGH = 1e-4  # Armijo's share of the decrease that the slope promises
SHORTEST = 1e-6  # of a step: below it there is nothing but rounding


class QuasiNewton(nn.Module):
    """The state of a minimization: the best point so far, and the one to be tried next.

    Args:
        shape: The shape of a point.
        memory: m, the number of steps that are remembered.

    Example:
        >>> solver = QuasiNewton((2,))
        >>> steepness = torch.tensor([1.0, 100.0], dtype=torch.float64)
        >>> for _ in range(12):
        ...     off = solver.trial - torch.tensor([3.0, -2.0])
        ...     solver.tell(float((steepness * off.square()).sum() / 2), steepness * off, lambda g: g / 10)
        >>> [round(value, 4) for value in solver.point.tolist()]
        [3.0, -2.0]
    """

    point: Tensor
    gradient: Tensor
    direction: Tensor
    steps: Tensor
    changes: Tensor
    numbers: Tensor

    def __init__(self, shape: tuple[int, ...], *, memory: int = 10) -> None:
        super().__init__()
        for name in ("point", "gradient", "direction"):
            self.register_buffer(name, torch.zeros(shape, dtype=torch.float64))
        for name in ("steps", "changes"):
            self.register_buffer(name, torch.zeros(memory, *shape, dtype=torch.float64))  # the newest first
        self.register_buffer("numbers", torch.tensor([torch.inf, 0.0, torch.inf], dtype=torch.float64))

    @property
    def trial(self) -> Tensor:
        """Where the function is to be evaluated next."""
        return self.point + self.length * self.direction

    @property
    def value(self) -> float:
        """The function at the best point."""
        return float(self.numbers[0])

    @property
    def length(self) -> float:
        """The length of the step to the trial, as a multiple of the direction."""
        return float(self.numbers[1])

    @property
    def promise(self) -> float:
        """What the next step would gain if the function were the parabola that H takes it for; zero at the end."""
        return float(self.numbers[2])

    def restart(self) -> None:
        """Begins anew from the point."""
        for name in ("gradient", "direction", "steps", "changes"):
            getattr(self, name).zero_()
        self.numbers.copy_(torch.tensor([torch.inf, 0.0, torch.inf]))

    def tell(self, value: float, gradient: Tensor, precondition: Callable[[Tensor], Tensor]) -> None:
        """Takes the function's value and gradient at the trial and chooses the next one.

        Args:
            value: The function.
            gradient: Its gradient.
            precondition: A first guess of H, applied to a gradient: symmetric and positive.
        """
        slope = float((self.gradient * self.direction).sum())
        if not value <= self.value + ENOUGH * self.length * slope:
            return self._cut(value, slope)
        trial = self.trial
        self._remember(trial - self.point, gradient - self.gradient)
        self.point.copy_(trial)
        self.gradient.copy_(gradient)
        self.direction.copy_(-self._inverse(gradient, precondition))
        promise = -float((gradient * self.direction).sum()) / 2
        self.numbers.copy_(torch.tensor([value, 1.0, promise], dtype=torch.float64))
        return None

    def _cut(self, value: float, slope: float) -> None:
        """A shorter step: to the bottom of the parabola through what is known, within bounds."""
        rise = value - self.value - self.length * slope
        bottom = -slope * self.length**2 / (2 * rise) if math.isfinite(rise) else 0.0
        self.numbers[1] = min(max(bottom, 0.1 * self.length), 0.5 * self.length)
        if self.length < SHORTEST:
            self.numbers[1:] = 0.0

    def _remember(self, step: Tensor, change: Tensor) -> None:
        if self.value < torch.inf and float((step * change).sum()) > 0:
            for kept, new in ((self.steps, step), (self.changes, change)):
                kept.copy_(torch.cat([new[None], kept[:-1]]))

    def _inverse(self, gradient: Float[Tensor, "*shape"], precondition: Callable[[Tensor], Tensor]) -> Tensor:
        """H g, by the recursion of two loops."""
        curvature = (self.steps * self.changes).flatten(1).sum(1)
        known = [k for k in range(len(curvature)) if curvature[k] > 0]
        factors, g = {}, gradient.clone()
        for k in known:
            factors[k] = (self.steps[k] * g).sum() / curvature[k]
            g -= factors[k] * self.changes[k]
        g = precondition(g)
        if known:  # the newest step tells the scale
            g *= curvature[0] / (self.changes[0] * precondition(self.changes[0])).sum()
        for k in reversed(known):
            g += (factors[k] - (self.changes[k] * g).sum() / curvature[k]) * self.steps[k]
        return g
