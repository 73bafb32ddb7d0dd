"""Multilayer perceptrons."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import linear

__all__ = ["MLP", "one_of", "zeroed"]


def one_of(rows: Float[Tensor, "B *rest"]) -> Float[Tensor, "_ *rest"]:
    """The first row alone where all are that very row, expanded: what is made of it is broadcast to all.

    Example:
        >>> import torch
        >>> one_of(torch.zeros(1, 3).expand(5, 3)).shape, one_of(torch.zeros(5, 3)).shape
        (torch.Size([1, 3]), torch.Size([5, 3]))
    """
    return rows[:1] if rows.stride(0) == 0 and len(rows) > 1 else rows


class MLP(nn.Module):
    """A multilayer perceptron; an embedding of the condition shifts every hidden layer,

    $$ h_{l+1} = a(W_l h_l + V_l c + b_l). $$

    Args:
        inputs: Entries of one row, flattened.
        hidden: The widths of the hidden layers.
        outputs: Entries of one row of the result.
        given: The width of the condition's embedding, 0 for none.
        activation: Makes the nonlinearity.

    Example:
        >>> import torch
        >>> MLP(64, [32, 32], 3, given=8)(torch.zeros(5, 1, 8, 8), torch.zeros(5, 8)).shape
        torch.Size([5, 3])
    """

    def __init__(
        self,
        inputs: int,
        hidden: Sequence[int],
        outputs: int,
        *,
        given: int = 0,
        activation: Callable[[], nn.Module] = nn.SiLU,
    ) -> None:
        super().__init__()
        widths = [inputs, *hidden]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(widths))
        self.shifts = nn.ModuleList(nn.Linear(given, b, bias=False) for b in hidden if given)
        self.last = nn.Linear(widths[-1], outputs)
        self.activation = activation()

    def forward(
        self, x: Float[Tensor, "B *event"], given: Float[Tensor, "B width"] | None = None
    ) -> Float[Tensor, "B outputs"]:
        h, given = x.flatten(1), None if given is None else one_of(given)
        for layer, shift in itertools.zip_longest(self.layers, self.shifts):
            h = self.activation(layer(h) if shift is None else _shifted(layer, h, shift(given)))
        return self.last(h)


def _shifted(layer: Any, h: Float[Tensor, "B width"], shift: Float[Tensor, "_ out"]) -> Float[Tensor, "B out"]:
    """A layer's answer and a shift; one shift for all rows is as good as more of its constant."""
    return linear(h, layer.weight, layer.bias + shift[0]) if len(shift) == 1 else layer(h) + shift


def zeroed(net: nn.Module) -> nn.Module:
    """The network with its layer `last` at zero.

    Args:
        net: The network.
    """
    for parameter in net.get_submodule("last").parameters():
        nn.init.zeros_(parameter)
    return net
