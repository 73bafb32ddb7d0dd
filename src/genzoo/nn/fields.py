"""Velocities of rows at a time, with their divergence: what a continuous flow moves by."""

import abc
import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from genzoo.nn.mlp import MLP, one_of, zeroed

__all__ = ["Field", "MLPField", "TracedMLP", "one_hots", "traces"]

WAVES = 5


class Field(nn.Module, abc.ABC):
    """A velocity f(x, t; given) of vectors, with its divergence ∇·f = tr ∂f/∂x.

    Example:
        >>> class Shrinking(Field):
        ...     def forward(self, x, t, given=None):
        ...         return -x
        >>> f, trace = Shrinking().traced(torch.ones(1, 3), torch.zeros(1))
        >>> f.tolist(), trace.tolist()
        ([[-1.0, -1.0, -1.0]], [-3.0])
    """

    @abc.abstractmethod
    def forward(
        self, x: Float[Tensor, "B D"], t: Float[Tensor, " _"], given: Float[Tensor, "B width"] | None = None
    ) -> Float[Tensor, "B D"]:
        """f at a time of each row, or of all."""

    def traced(
        self,
        x: Float[Tensor, "B D"],
        t: Float[Tensor, " _"],
        given: Float[Tensor, "B width"] | None = None,
        signs: Float[Tensor, "B probes D"] | None = None,
    ) -> tuple[Float[Tensor, "B D"], Float[Tensor, " B"]]:
        """f and its divergence: exact, at the cost of D passes, or estimated from random signs."""
        f, each = traces(lambda x: self(x, t, given), x, signs)
        return f, each.mean(1)


class MLPField(Field):
    """A perceptron, every hidden layer of which is shifted as time and condition say.

    Args:
        dims: D.
        hidden: The widths of the hidden layers.
        given: The width of the condition's embedding, 0 for none.

    Example:
        >>> MLPField(2, [16, 16, 16])(torch.zeros(5, 2), torch.zeros(1)).shape
        torch.Size([5, 2])
    """

    def __init__(self, dims: int, hidden: list[int], given: int = 0) -> None:
        super().__init__()
        self.net = zeroed(MLP(dims, hidden, dims, given=WAVES + given, activation=nn.Tanh))

    def forward(
        self, x: Float[Tensor, "B D"], t: Float[Tensor, " _"], given: Float[Tensor, "B width"] | None = None
    ) -> Float[Tensor, "B D"]:
        return self.net(x, _told(t, given).expand(len(x), -1))


class TracedMLP(Field):
    """A perceptron of two hidden layers, whose exact divergence costs one product more, however many entries x has,

    $$ f = W_3 h_2, \\quad h_2 = \\tanh(W_2 h_1 + b_2), \\quad h_1 = \\tanh(W_1 x + b_1), \\qquad
       \\nabla \\cdot f = (1 - h_2^2)^\\top \\, \\big( W_2 \\odot (W_1 W_3)^\\top \\big) \\, (1 - h_1^2), $$

    as the trace of $W_3 D_2 W_2 D_1 W_1$ with diagonal D is a sum over pairs of hidden units. Both b are functions of
    time and condition; W₃ starts at zero.

    Args:
        dims: D.
        width: The length of h.
        given: The width of the condition's embedding, 0 for none.

    Example:
        >>> f, trace = TracedMLP(2, 16).traced(torch.zeros(5, 2), torch.zeros(1))
        >>> f.shape, trace.shape
        (torch.Size([5, 2]), torch.Size([5]))
    """

    def __init__(self, dims: int, width: int, given: int = 0) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(dims, width), nn.Linear(width, width)
        self.shifts, self.last = nn.Linear(WAVES + given, 2 * width, bias=False), nn.Linear(width, dims, bias=False)
        nn.init.zeros_(self.last.weight)

    def forward(
        self, x: Float[Tensor, "B D"], t: Float[Tensor, " _"], given: Float[Tensor, "B width"] | None = None
    ) -> Float[Tensor, "B D"]:
        return self.last(self._hidden(x, t, given)[1])

    def traced(
        self,
        x: Float[Tensor, "B D"],
        t: Float[Tensor, " _"],
        given: Float[Tensor, "B width"] | None = None,
        signs: Float[Tensor, "B probes D"] | None = None,
    ) -> tuple[Float[Tensor, "B D"], Float[Tensor, " B"]]:
        h1, h2 = self._hidden(x, t, given)
        paired = self.second.weight * (self.first.weight @ self.last.weight).T
        steep1, steep2 = 1 - h1.square(), 1 - h2.square()
        return self.last(h2), ((steep1 @ paired.T) * steep2).sum(1)

    def _hidden(self, x: Tensor, t: Tensor, given: Tensor | None) -> tuple[Tensor, Tensor]:
        shift1, shift2 = self.shifts(_told(t, None if given is None else one_of(given))).chunk(2, dim=1)
        h1 = torch.tanh(self.first(x) + shift1)
        return h1, torch.tanh(self.second(h1) + shift2)


def _told(t: Tensor, given: Tensor | None) -> Tensor:
    """Time as the first cosines, which change slowly, and the condition."""
    waves = (t[:, None] * torch.arange(WAVES, dtype=t.dtype, device=t.device) * math.pi).cos()
    if given is None:
        return waves
    rows = max(len(waves), len(given))
    return torch.cat([waves.expand(rows, -1), given.to(waves.dtype).expand(rows, -1)], 1)


def traces(
    f: Callable[[Tensor], Tensor], x: Float[Tensor, "B *event"], signs: Float[Tensor, "B probes *event"] | None = None
) -> tuple[Float[Tensor, "B *event"], Float[Tensor, "B probes"]]:
    """f(x) and the traces of ∂f/∂x, one for each probe v by v·∇(v·f); one in all where it is exact.

    Args:
        f: A function of rows that treats each alone.
        x: The rows.
        signs: Random signs; None: one look at each entry, and their sum.

    Example:
        >>> f, trace = traces(lambda x: x**2, torch.tensor([[1.0, 3.0]]))
        >>> f.tolist(), trace.tolist()
        ([[1.0, 9.0]], [[8.0]])

    References:
        Hutchinson, 1989, "A stochastic estimator of the trace of the influence matrix"
    """
    kept = torch.is_grad_enabled()
    with torch.enable_grad():
        x = x if kept and x.requires_grad else x.detach().requires_grad_()
        said, found = f(x), list[Tensor]()
        for v in signs.unbind(1) if signs is not None else one_hots(x):
            slope = torch.autograd.grad(said, x, v, retain_graph=True, create_graph=kept)[0]
            found.append((slope * v).flatten(1).sum(1))
    each = torch.stack(found, 1) if signs is not None else torch.stack(found, 1).sum(1, keepdim=True)
    return (said, each) if kept else (said.detach(), each)


def one_hots(x: Float[Tensor, "B *event"]) -> list[Float[Tensor, "B *event"]]:
    """Every entry alone, in the shape of rows.

    Args:
        x: The rows.
    """
    basis = torch.eye(x[0].numel() if len(x) else math.prod(x.shape[1:]), dtype=x.dtype, device=x.device)
    return [row.reshape(x.shape[1:]).expand_as(x) for row in basis]
