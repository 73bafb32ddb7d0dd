"""Multilayer perceptrons."""

import itertools
from collections.abc import Callable, Sequence

from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["MLP"]


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
        h = x.flatten(1)
        for layer, shift in itertools.zip_longest(self.layers, self.shifts):
            h = self.activation(layer(h) if shift is None else layer(h) + shift(given))
        return self.last(h)
