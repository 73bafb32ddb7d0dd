"""Planning: ways from a start to a goal, drawn from a model of ways.

A model of whole windows x = (x_1, …, x_T) knows which ways are walked; which of them begin and end where is an
inverse problem, whose measurement are two places of the window,

$$ p(x \\mid x_1 = s,\\; x_T = g), $$

and what is wanted beside is a cost J, by which the law is tilted, $p(x \\mid s, g)\\, e^{-J(x)}$. A diffusion is led
to it by one more slope at each step, that of J at the mean of the data,

$$ \\hat x \\leftarrow \\hat x - \\gamma\\, \\nabla_{x_t} J(\\hat x), \\qquad \\gamma = \\sigma_t^2 / \\alpha_t. $$

References:
    Janner, Du, Tenenbaum & Levine, 2022, "Planning with diffusion for flexible behavior synthesis", arXiv:2205.09991
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.core.abilities import Denoiser
from genzoo.core.model import GenerativeModel, Unsupported
from genzoo.tasks.inverse.guided import MMPS, Led, moment_matched
from genzoo.tasks.inverse.measurement import Exact, Measurement
from genzoo.tasks.inverse.pixels import Mask
from genzoo.tasks.inverse.solving import solve

__all__ = ["Away", "Cost", "Plans", "plan"]

Cost = Callable[[Float[Tensor, "n T d"]], Float[Tensor, " n"]]


@dataclass(frozen=True)
class Plans:
    """Ways from starts to goals.

    Attributes:
        x: n ways for each of B pairs of places.
        cost: J of each, if there is one.
    """

    x: Float[Tensor, "n B T d"]
    cost: Float[Tensor, "n B"] | None = None

    def best(self) -> Float[Tensor, "B T d"]:
        """The way of least cost of each pair; the first where there is none.

        Example:
            >>> x = torch.tensor([0.0, 1.0])[:, None, None, None].expand(2, 1, 3, 2)
            >>> Plans(x, torch.tensor([[2.0], [1.0]])).best()[0, 0]
            tensor([1., 1.])
        """
        if self.cost is None:
            return self.x[0]
        return self.x[self.cost.argmin(0), torch.arange(self.x.shape[1])]


@dataclass(frozen=True)
class Away:
    """J = λ Σ_k max(0, 1 − d_k / r)², d_k being how far from a place a way is at its k-th step.

    Args:
        place: What is to be kept away from.
        radius: r, how far.
        weight: λ.

    Raises:
        ValueError: If the radius is not positive.

    Example:
        >>> Away((0.0, 0.0), 0.5, 1.0)(torch.tensor([[[0.0, 0.0], [0.0, 0.25], [1.0, 0.0]]]))
        tensor([1.2500])
    """

    place: tuple[float, ...]
    radius: float
    weight: float = 30.0

    def __post_init__(self) -> None:
        if not self.radius > 0:
            raise ValueError(f"A radius must be positive, got {self.radius}. Say how far to keep away.")

    def __call__(self, x: Float[Tensor, "n T d"]) -> Float[Tensor, " n"]:
        squares = (x - x.new_tensor(self.place)).square().sum(-1)
        distance = squares.clamp_min(1e-12).sqrt()  # whose slope in the very place is none
        return self.weight * (1 - distance / self.radius).clamp_min(0).square().sum(-1)


def plan(
    model: GenerativeModel,
    start: Float[Tensor, "B d"],
    goal: Float[Tensor, "B d"],
    n: int = 1,
    *,
    cost: Cost | None = None,
    seed: int = 0,
    **options: Any,
) -> Plans:
    """Ways that begin and end where they should.

    A model with a denoiser is led by it ("mmps"), any other as `solve` finds best. A network that was led meets the
    two places nearly; they are then put there, so a step beside them may be longer than others.

    Args:
        model: Over windows of T places.
        start: Where ways begin.
        goal: Where they end.
        n: Ways for each pair.
        cost: What is to be small, differentiable, in the units of the data.
        seed: Names the ways, which depend on it and on the number of the pair alone.
        options: Those of the method, as steps=50.

    Raises:
        ValueError: If the model is not one of windows of such places, or they are not finite.
        Unsupported: If there is a cost, and the model has no denoiser.

    Example:
        >>> from genzoo.core import Space
        >>> from genzoo.models.classical import GaussianMixture
        >>> model = GaussianMixture(Space((5, 2)), components=2)
        >>> found = plan(model, torch.zeros(1, 2), torch.ones(1, 2), 3)
        >>> found.x.shape, found.x[:, 0, -1].round(decimals=4).tolist()
        (torch.Size([3, 1, 5, 2]), [[1.0, 1.0], [1.0, 1.0], [1.0, 1.0]])
    """
    _check(model, start, goal)
    leads = model.ability(Denoiser) is not None
    if cost is not None and not leads:
        why = "A cost leads a diffusion, and the model has no denoiser"
        raise Unsupported(f"{why}. Plan without, or train flow_matching.")
    known = torch.zeros(model.space.shape, dtype=torch.bool)
    known[0] = known[-1] = True
    y = torch.zeros(len(start), *model.space.shape, dtype=torch.float64)
    y[:, 0], y[:, -1] = start, goal
    measurement = Measurement(Mask(known), y, Exact())
    x = solve(model, measurement, n=n, method=Tilted(cost) if leads else "auto", seed=seed, **options).x
    x[:, :, 0], x[:, :, -1] = start.to(x), goal.to(x)  # which steps of a network meet nearly
    return Plans(x, None if cost is None else cost(x.flatten(0, 1)).unflatten(0, (n, -1)))


class Tilted(MMPS):
    """Moment matching of a law that is tilted by a cost.

    One conjugate gradient by default: where a network's Jacobian is no covariance, more of them make ways that jump.

    Args:
        cost: J, of data; None: there is none.
    """

    name = "tilted"

    def __init__(self, cost: Cost | None) -> None:
        self.wanted = cost

    def mean(
        self, led: Led, x: Float[Tensor, "B *event"], t: Tensor, *, iterations: int = 1
    ) -> tuple[Float[Tensor, "B *event"], Tensor | None]:
        tilt = None if self.wanted is None else partial(_slope, self.wanted, led.denoiser)
        found = moment_matched(led.denoiser.denoise, led.denoiser, led.measurement, iterations=iterations, tilt=tilt)
        return found(x, t, led.given), None


def _slope(cost: Cost, denoiser: Denoiser, mean: Tensor) -> Tensor:
    """∇J at a mean, in its numbers."""
    with torch.enable_grad():
        mean = mean.detach().requires_grad_()
        return torch.autograd.grad(cost(denoiser.numbers.back(mean)).sum(), mean, materialize_grads=True)[0]


def _check(model: GenerativeModel, start: Tensor, goal: Tensor) -> None:
    """Raises unless there are places for a model of windows of them."""
    shape = model.space.shape
    if len(shape) != 2 or shape[0] < 2 or model.space.is_discrete or model.space.ragged:
        raise ValueError(
            f"Ways must be windows of real places, (T, d), got a model of {model.space}. Train on trajectories, as "
            "--data maze --x trajectory:64."
        )
    for name, place in (("start", start), ("goal", goal)):
        if place.ndim != 2 or place.shape != start.shape or place.shape[1] != shape[1]:
            got = f"got {tuple(place.shape)}. Give one for each pair"
            raise ValueError(f"A {name} must have {shape[1]} numbers, {got}.")
        if not bool(place.isfinite().all()):
            raise ValueError(f"A {name} must be finite, got {place[~place.isfinite().all(1)][0].tolist()}. Mend it.")
