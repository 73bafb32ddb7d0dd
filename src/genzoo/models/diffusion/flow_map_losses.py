"""What makes a network of two times a flow map: three equations that hold between it and its own velocity.

The map $X_{s,t}$ carries a row along a flow from time s to time t. Written by its average velocity,

$$ X_{s,t}(x) = x + (t - s)\\,v_{s,t}(x), \\qquad v_{t,t} = b_t, $$

it is the flow's if and only if any one of three equations holds everywhere. Each is an error that is zero for the
true map, and needs no teacher but the diagonal $v_{t,t}$, which flow matching learns beside it. What a network says
may have further parts that add up along the way as places do, such as the divergence; they obey the same equations.

References:
    Boffi, Albergo & Vanden-Eijnden, 2025, "How to build a consistency model: learning flow maps via
    self-distillation", arXiv:2505.18825
"""

import abc
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.nn.slopes import along

__all__ = ["Distillation", "Eulerian", "Lagrangian", "Progressive", "Said"]

Said = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, ...]]


class Distillation(abc.ABC):
    """An equation of flow maps."""

    @abc.abstractmethod
    def errors(
        self, said: Said, x: Float[Tensor, "B *event"], s: Tensor, t: Tensor, share: Tensor
    ) -> tuple[Tensor, ...]:
        """By how much each part of what is said misses the equation; gradients reach the network in one place only.

        Args:
            said: v and what else adds up, called as said(x, s, t); x moves by the first.
            x: Rows at s.
            s: The times where they are, one a row, to be multiplied with rows.
            t: The times to which they go.
            share: Uniform numbers between 0 and 1, likewise: where between the two the equation may look.
        """


@dataclass(frozen=True)
class Lagrangian(Distillation):
    """Where a row has come to, it moves by the velocity there,

    $$ \\partial_t X_{s,t}(x) = v_{t,t}(X_{s,t}(x)). $$

    The derivative is of one number, the time; none is taken along x, which is why this one is the stable of the three.

    Example:
        >>> def said(x, s, t):  # of dx/dt = x
        ...     return (x * torch.where(s == t, 1.0, torch.expm1(t - s) / (t - s)),)
        >>> s, t = torch.tensor([[1.0]]), torch.tensor([[0.25]])
        >>> bool(Lagrangian().errors(said, torch.tensor([[2.0]]), s, t, t)[0].abs() < 1e-6)
        True

    References:
        Boffi, Albergo & Vanden-Eijnden, 2025, arXiv:2505.18825
    """

    def errors(
        self, said: Said, x: Float[Tensor, "B *event"], s: Tensor, t: Tensor, share: Tensor
    ) -> tuple[Tensor, ...]:
        average, rates = along(lambda t: said(x, s, t), (t,), (torch.ones_like(t),))
        with torch.no_grad():
            now = said(x + (t - s) * average[0].detach(), t, t)
        return tuple(part + (t - s) * rate - goal for part, rate, goal in zip(average, rates, now, strict=True))


@dataclass(frozen=True)
class Eulerian(Distillation):
    """Where a row comes to does not change while it moves along the flow,

    $$ \\partial_s X_{s,t}(x) + \\nabla X_{s,t}(x)\\,v_{s,s}(x) = 0. $$

    Solved for $v_{s,t}$ it is the equation of mean flows. Its goal holds a derivative along x of the network that is
    being trained, and may blow up.

    Example:
        >>> def said(x, s, t):  # of dx/dt = x
        ...     return (x * torch.where(s == t, 1.0, torch.expm1(t - s) / (t - s)),)
        >>> s, t = torch.tensor([[1.0]]), torch.tensor([[0.25]])
        >>> bool(Eulerian().errors(said, torch.tensor([[2.0]]), s, t, t)[0].abs() < 1e-6)
        True

    References:
        Geng, Deng, Bai, Kolter & He, 2025, "Mean flows for one-step generative modeling", arXiv:2505.13447
        Boffi, Albergo & Vanden-Eijnden, 2025, arXiv:2505.18825
    """

    def errors(
        self, said: Said, x: Float[Tensor, "B *event"], s: Tensor, t: Tensor, share: Tensor
    ) -> tuple[Tensor, ...]:
        with torch.no_grad():
            now = said(x, s, s)
        average, rates = along(lambda x, s: said(x, s, t), (x, s), (now[0], torch.ones_like(s)))
        goals = (there + (t - s) * rate.detach() for there, rate in zip(now, rates, strict=True))
        return tuple(part - goal for part, goal in zip(average, goals, strict=True))


@dataclass(frozen=True)
class Progressive(Distillation):
    """Two ways, one after the other, are the whole way,

    $$ X_{s,t} = X_{u,t} \\circ X_{s,u}, \\qquad
       (t - s)\\,v_{s,t}(x) = (u - s)\\,v_{s,u}(x) + (t - u)\\,v_{u,t}(X_{s,u}(x)). $$

    No derivatives are taken; but a long way learns from halves that are being learned, so errors add up from the
    diagonal outward.

    Args:
        halves: Whether u is the middle, as in shortcut models; else any time between.

    Example:
        >>> def said(x, s, t):  # of dx/dt = x
        ...     return (x * torch.where(s == t, 1.0, torch.expm1(t - s) / (t - s)),)
        >>> s, t = torch.tensor([[1.0]]), torch.tensor([[0.25]])
        >>> bool(Progressive().errors(said, torch.tensor([[2.0]]), s, t, t)[0].abs() < 1e-6)
        True

    References:
        Frans, Hafner, Levine & Abbeel, 2025, "One step diffusion via shortcut models", arXiv:2410.12557
        Boffi, Albergo & Vanden-Eijnden, 2025, arXiv:2505.18825
    """

    halves: bool = True

    def errors(
        self, said: Said, x: Float[Tensor, "B *event"], s: Tensor, t: Tensor, share: Tensor
    ) -> tuple[Tensor, ...]:
        share = torch.full_like(share, 0.5) if self.halves else share
        u = s + share * (t - s)
        with torch.no_grad():
            first = said(x, s, u)
            second = said(x + (u - s) * first[0], u, t)
        whole = said(x, s, t)
        return tuple(part - (share * a + (1 - share) * b) for part, a, b in zip(whole, first, second, strict=True))
