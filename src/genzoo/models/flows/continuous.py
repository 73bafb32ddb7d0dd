"""Continuous flows: rows move along a velocity, and their density thins out as it diverges.

With dx/dt = f(x, t), from data at t = 0 to noise at t = 1,

$$ z = x(1), \\qquad \\log \\left| \\det \\frac{\\partial z}{\\partial x} \\right|
   = \\int_0^1 \\nabla \\cdot f(x(t), t)\\,dt. $$

No two ways cross, so any f is invertible: the way back is the same equation from 1 to 0.

References:
    Chen, Rubanova, Bettencourt & Duvenaud, 2018, "Neural ordinary differential equations", arXiv:1806.07366
    Grathwohl, Chen, Bettencourt, Sutskever & Duvenaud, 2019, "FFJORD: free-form continuous dynamics for scalable
        reversible generative models", arXiv:1810.01367
    Finlay, Jacobsen, Nurbekyan & Oberman, 2020, "How to train your neural ODE: the world of Jacobian and kinetic
        regularization", arXiv:2002.02798
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.core.given import GivenSpaceLike
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.models.flows.actnorm import ActNorm
from genzoo.models.flows.bijection import Bijection, Chain, Embedded
from genzoo.models.flows.couplings import Nets
from genzoo.models.flows.flow import Flow
from genzoo.models.flows.logit import Logit
from genzoo.models.flows.rearrange import Flatten
from genzoo.nn.fields import Field, MLPField, TracedMLP
from genzoo.nn.ode import solved

__all__ = ["Continuous", "continuous_flow"]

FEW = 8  # entries whose exact divergence is worth a pass each


class Continuous(Bijection):
    """The flow of a velocity from time 0 to time 1.

    Every way is solved to a tolerance, with the exact divergence. Training takes a coarser one, but no fixed steps: a
    field would learn to turn where they do not look. Its divergence is exact where the field says so cheaply, else
    Hutchinson's estimate by a row of random signs.

    Args:
        field: f.
        tolerance: The error that is let through in a step, relative to 1 + |x|; of double numbers a hundredth of it.
        coarse: The same in training.
        probed: Whether the divergence is estimated in training.
        kinetic: λ: training adds λ ∫ |f|² dt nats to what it lowers, since straighter ways take fewer steps.

    Raises:
        ValueError: If a tolerance is not positive, or λ negative.

    Example:
        >>> from genzoo.nn import TracedMLP
        >>> flow = Continuous(TracedMLP(2, 16))
        >>> z, ladj = flow(torch.ones(4, 2))
        >>> torch.equal(z, torch.ones(4, 2)), ladj.tolist()  # it starts as the identity
        (True, [0.0, 0.0, 0.0, 0.0])
    """

    def __init__(
        self,
        field: Field,
        *,
        tolerance: float = 1e-6,
        coarse: float = 1e-3,
        probed: bool = False,
        kinetic: float = 0.0,
    ) -> None:
        super().__init__()
        if min(tolerance, coarse) <= 0:
            raise ValueError(f"Tolerances must be positive, got {tolerance} and {coarse}. Take 1e-6 and 1e-3.")
        if kinetic < 0:
            raise ValueError(f"`kinetic` must not be negative, got {kinetic}. Take 0 for none.")
        self.field, self.tolerance, self.coarse = field, tolerance, coarse
        self.probed, self.kinetic = probed, kinetic

    def forward(
        self, x: Float[Tensor, "B D"], given: Embedded = None
    ) -> tuple[Float[Tensor, "B D"], Float[Tensor, " B"]]:
        return self._moved(lambda x, t: self.field.traced(x, t, given), x, self._fine(x))

    def estimated(
        self, x: Float[Tensor, "B D"], given: Embedded, noise: Noise
    ) -> tuple[Float[Tensor, "B D"], Float[Tensor, " B"]]:
        signs = noise.integers(2, len(x), 1, x.shape[1]).to(x) * 2 - 1 if self.probed else None

        def told(x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
            f, trace = self.field.traced(x, t, given, signs)
            return f, trace - self.kinetic * f.square().sum(1) if self.kinetic else trace

        return self._moved(told, x, self.coarse)

    def inverse(self, z: Float[Tensor, "B D"], given: Embedded = None) -> Float[Tensor, "B D"]:
        return solved(lambda y, t: self.field(y, t, given), z, (1.0, 0.0), tolerance=self._fine(z))

    def _fine(self, x: Tensor) -> float:
        """The tolerance that the digits of x allow."""
        return self.tolerance if x.dtype != torch.float64 else self.tolerance / 100

    def extra_repr(self) -> str:
        return f"tolerance={self.tolerance:g}, coarse={self.coarse:g}, probed={self.probed}"

    def _moved(
        self, told: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]], x: Tensor, tolerance: float
    ) -> tuple[Float[Tensor, "B D"], Float[Tensor, " B"]]:
        """Where a velocity leads, and what it tells summed up on the way."""

        def slope(y: Tensor, t: Tensor) -> Tensor:
            f, more = told(y[:, :-1], t)
            return torch.cat([f, more[:, None]], 1)

        y = solved(slope, torch.cat([x, x.new_zeros(len(x), 1)], 1), tolerance=tolerance)
        return y[:, :-1], y[:, -1]


def continuous_flow(
    space: Space,
    given_space: GivenSpaceLike = None,
    nets: Nets | None = None,
    *,
    depth: int = 1,
    tolerance: float = 1e-6,
    kinetic: float = 0.01,
    high: int | float | None = None,
    drop_given: float = 0.0,
) -> Flow:
    """Continuous flows of perceptrons one after another, over vectors; what has another shape is flattened.

    Two hidden layers tell their exact divergence for little; of other numbers it is estimated in training where there
    are more than eight entries.

    Args:
        space: What one x is: real numbers of a fixed shape.
        given_space: What the model is conditioned on, if anything.
        nets: The widths and hidden layers of the perceptrons.
        depth: Flows, each with a network of its own.
        tolerance: The error that is let through in a step.
        kinetic: λ: training adds λ ∫ |f|² dt nats to what it lowers.
        high: L, if x lies in [0, L]: the flow then begins with a logit.
        drop_given: The share of conditions dropped in training, so that the null condition can be asked for.

    Raises:
        ValueError: If convolutions are asked for.

    Example:
        >>> model = continuous_flow(Space((3,)), nets=Nets(width=16))
        >>> model.log_prob(model.sample(4, seed=0)).shape
        torch.Size([4])
    """
    nets, dims, embedding = nets or Nets(), space.dims, 32 if given_space else 0
    if nets.kind != "mlp":
        raise ValueError(f"A continuous flow must have perceptrons, got {nets.kind!r}. Take Nets('mlp').")
    parts: list[Bijection] = [*([] if high is None else [Logit(high)]), Flatten(space.shape)]
    for _ in range(depth):
        traced = nets.layers == 2
        field = (
            TracedMLP(dims, nets.width, embedding) if traced else MLPField(dims, [nets.width] * nets.layers, embedding)
        )
        flow = Continuous(field, tolerance=tolerance, kinetic=kinetic, probed=not traced and dims > FEW)
        parts += [ActNorm(dims), flow]
    body = Chain(*parts, ActNorm(dims))
    return Flow(space, given_space, body, latent=(dims,), embedding=embedding or 32, drop_given=drop_given)
