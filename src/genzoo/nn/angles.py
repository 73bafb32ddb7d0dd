"""Networks that see angles."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from genzoo.nn.mlp import MLP

__all__ = ["AngleMLP"]


class AngleMLP(nn.Module):
    """A perceptron of angles, which it sees as points of circles, (cos x, sin x): whole turns change nothing.

    Args:
        inputs: Angles of a row.
        hidden: The widths of the hidden layers, at least one.
        outputs: Entries of one row of the result.
        given: The width of the condition's embedding, 0 for none.

    Example:
        >>> AngleMLP(2, [16], 3)(torch.zeros(5, 2)).shape
        torch.Size([5, 3])
    """

    def __init__(self, inputs: int, hidden: Sequence[int], outputs: int, *, given: int = 0) -> None:
        super().__init__()
        *before, width = hidden
        self.body, self.last = MLP(2 * inputs, before, width, given=given), nn.Linear(width, outputs)
        self.activation = nn.SiLU()

    def forward(
        self, x: Float[Tensor, "B D"], given: Float[Tensor, "B width"] | None = None
    ) -> Float[Tensor, "B outputs"]:
        return self.last(self.activation(self.body(torch.cat([x.cos(), x.sin()], 1), given)))
