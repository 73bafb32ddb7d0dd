"""A perceptron at every place of a sequence, which sees the vectors of the last few."""

from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["Window"]


class Window(nn.Module):
    """A perceptron with shared weights at every place t, on the vectors of the d places before it,

    $$ h_1 = a\\Big(\\sum_{i=1}^d W_i v_{t-i} + p_t + V c\\Big), \\quad h_{l+1} = a(W_l h_l), \\quad y_t = W h_L, $$

    with p_t a vector of the place, if it is told, and c the embedding of a condition.

    Args:
        features: The length of the vectors.
        outputs: Numbers that are said of a place.
        order: d.
        width: Units of a hidden layer.
        depth: Hidden layers.
        places: How many places are told, 0 for none.
        given: The width of the condition's embedding, 0 for none.

    Raises:
        ValueError: If it sees nothing, or has no layer or no unit.

    Example:
        >>> import torch
        >>> net = Window(3, 5, order=4, places=10)
        >>> net(torch.zeros(2, 4 + 9, 3)).shape  # the four before the first place, and those of nine others
        torch.Size([2, 10, 5])

    References:
        Bengio, Ducharme, Vincent & Jauvin, 2003, "A neural probabilistic language model"
    """

    def __init__(
        self,
        features: int,
        outputs: int,
        *,
        order: int,
        width: int = 256,
        depth: int = 2,
        places: int = 0,
        given: int = 0,
    ) -> None:
        super().__init__()
        if min(order, width, depth) < 1:
            raise ValueError(f"`order`, `width` and `depth` must be at least 1, got {order}, {width} and {depth}.")
        self.order = order
        self.first = nn.Conv1d(features, width, order)
        self.later = nn.ModuleList(nn.Linear(width, width) for _ in range(depth - 1))
        self.last = nn.Linear(width, outputs)
        self.place = nn.Embedding(places, width) if places else None
        self.shift = nn.Linear(given, width, bias=False) if given else None
        self.activation = nn.SiLU()
        if self.place is not None:
            nn.init.zeros_(self.place.weight)

    def forward(
        self, before: Float[Tensor, "B S features"], given: Float[Tensor, "B width"] | None = None, *, start: int = 0
    ) -> Float[Tensor, "B T outputs"]:
        """What is said of T places from `start` on.

        Args:
            before: The vectors of the places before each of them, S = T + d − 1 in all.
            given: The condition's embedding.
            start: The number of the first place.
        """
        h = self.first(before.mT).mT
        if self.place is not None:
            h = h + self.place.weight[start : start + h.shape[1]]
        if self.shift is not None and given is not None:
            h = h + self.shift(given)[:, None]
        h = self.activation(h)
        for layer in self.later:
            h = self.activation(layer(h))
        return self.last(h)
