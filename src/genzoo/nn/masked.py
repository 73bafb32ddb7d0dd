"""Masked networks: one pass gives every conditional of a chain.

Entries of x are numbered 0 … D−1. A hidden unit of degree m sees the entries up to m; what is said of entry d comes
from units of degree below d and from entries before d, so it is a function of x_{<d} alone. Units are sorted by
degree, equally many of each, so the masks are staircases: a unit that is known never changes when later entries become
known. Hence generation computes every unit once (`Growing`), at the price of a single pass instead of D.

References:
    Germain, Gregor, Murray & Larochelle, 2015, "MADE: Masked autoencoder for distribution estimation",
    arXiv:1502.03509
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import linear, relu

__all__ = ["Growing", "MaskedLinear", "MaskedMLP"]


class MaskedLinear(nn.Linear):
    """A linear map in which output j sees input i only where of[j] ≥ seen[i].

    Args:
        seen: What each input is a function of: the number of the last entry.
        of: What each output may be a function of.
        bias: Whether a constant is added.

    Example:
        >>> layer = MaskedLinear(torch.tensor([0, 1]), torch.tensor([0, 1, 1]))
        >>> layer.mask.int().tolist()
        [[1, 0], [1, 1], [1, 1]]
    """

    mask: Tensor

    def __init__(self, seen: Int[Tensor, " inputs"], of: Int[Tensor, " outputs"], *, bias: bool = True) -> None:
        super().__init__(len(seen), len(of), bias=bias)
        self.register_buffer("mask", of[:, None] >= seen[None, :], persistent=False)
        nn.init.normal_(self.weight)
        with torch.no_grad():  # He's scale for the inputs that an output sees, not for all
            self.weight.mul_(self.mask * (2 / self.mask.sum(1, keepdim=True).clamp_min(1)).sqrt())

    def masked(self) -> Float[Tensor, "outputs inputs"]:
        """The weights with zeros where nothing is seen."""
        return torch.where(self.mask, self.weight, 0)

    def forward(self, input: Float[Tensor, "B inputs"]) -> Float[Tensor, "B outputs"]:
        return linear(input, self.masked(), self.bias)


class MaskedMLP(nn.Module):
    """A residual network whose output for entry d is a function of the entries before d,

    $$ h_1 = a(W_1 x + V_1 c), \\quad h_{l+1} = h_l + a(W_l h_l + V_l c), \\quad y = W h_L + S x + V c, $$

    every W and the shortcut S from inputs to outputs masked, and c the embedding of a condition. The shortcut takes
    the first number of each entry alone: from all of them it would outgrow the network.

    Args:
        entries: D, the number of entries of x.
        features: Numbers by which an entry comes in.
        outputs: Numbers that are said of an entry.
        width: Units of a hidden layer.
        depth: Hidden layers.
        given: The width of the condition's embedding, 0 for none.

    Example:
        >>> net = MaskedMLP(entries=6, features=1, outputs=2, width=32, depth=2)
        >>> net(torch.randn(5, 6, 1)).shape
        torch.Size([5, 6, 2])
    """

    def __init__(
        self, entries: int, features: int, outputs: int, *, width: int = 512, depth: int = 2, given: int = 0
    ) -> None:
        super().__init__()
        if width < 1 or depth < 1:
            raise ValueError(f"`width` and `depth` must be at least 1, got {width} and {depth}.")
        self.entries, self.features, self.outputs, self.width = entries, features, outputs, width
        each = torch.arange(entries)
        inputs = each.repeat_interleave(features)
        degrees = torch.arange(width) * max(1, entries - 1) // width
        before = (each - 1).repeat_interleave(outputs)
        self.layers = nn.ModuleList(MaskedLinear(inputs if i == 0 else degrees, degrees) for i in range(depth))
        self.last, self.shortcut = MaskedLinear(degrees, before), MaskedLinear(each, before, bias=False)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.shortcut.weight)
        widths = [*[width] * depth, entries * outputs]
        self.shifts = nn.ModuleList(nn.Linear(given, size, bias=False) for size in widths if given)

    def forward(
        self, x: Float[Tensor, "B D features"], given: Float[Tensor, "B width"] | None = None
    ) -> Float[Tensor, "B D outputs"]:
        *shifts, shift = self.shifted(given)
        h = x.flatten(1)
        for i, (layer, v) in enumerate(zip(self.layers, shifts, strict=True)):
            new = relu(layer(h) + v)
            h = new if i == 0 else h + new
        return (self.last(h) + self.shortcut(x[..., 0]) + shift).unflatten(1, (self.entries, self.outputs))

    def shifted(self, given: Tensor | None) -> list[Tensor | float]:
        """What the condition adds to each layer, and last to the output."""
        if not self.shifts or given is None:
            return [0.0] * (len(self.layers) + 1)
        return [shift(given) for shift in self.shifts]


class Growing:
    """A pass through a masked network entry by entry: each call tells one more and asks about the next.

    Args:
        net: The network; its weights are read once.
        rows: The number of rows.
        given: The condition's embedding.

    Example:
        >>> net = MaskedMLP(entries=6, features=1, outputs=2, width=32, depth=2)
        >>> x, growing = torch.randn(5, 6, 1), Growing(net, 5)
        >>> said = [growing.first(), *(growing.tell(x[:, d]) for d in range(5))]
        >>> torch.allclose(torch.stack(said, 1), net(x), atol=1e-6)
        True
    """

    def __init__(self, net: MaskedMLP, rows: int, given: Float[Tensor, "B width"] | None = None) -> None:
        self.net, self.known = net, 0
        layers = [layer for layer in net.layers if isinstance(layer, MaskedLinear)]
        self.layers = [(layer.masked(), layer.bias) for layer in layers]
        self.last, self.shortcut = net.last.masked(), net.shortcut.masked()
        self.shifts = net.shifted(given)
        like = net.last.weight
        self.x = like.new_zeros(rows, net.entries * net.features)
        self.h = [like.new_zeros(rows, net.width) for _ in net.layers]
        degrees = torch.arange(net.width) * max(1, net.entries - 1) // net.width
        self.edges = [0, *torch.searchsorted(degrees, torch.arange(net.entries), right=True).tolist()]

    def first(self) -> Float[Tensor, "B outputs"]:
        """What is said of entry 0."""
        return self._said()

    def tell(self, x: Float[Tensor, "B features"]) -> Float[Tensor, "B outputs"]:
        """Takes in the next entry; returns what is said of the one after it."""
        net = self.net
        self.x[:, self.known * net.features : (self.known + 1) * net.features] = x
        self.known += 1
        new, upto = slice(*self.edges[self.known - 1 : self.known + 1]), self.edges[self.known]
        if new.start < new.stop:
            below, seen = self.x, self.known * net.features
            for i, ((weight, bias), h) in enumerate(zip(self.layers, self.h, strict=True)):
                value = relu(linear(below[:, :seen], weight[new, :seen], bias[new]) + part(self.shifts[i], new))
                h[:, new] = value if i == 0 else below[:, new] + value
                below, seen = h, upto
        return self._said()

    def _said(self) -> Tensor:
        net, upto = self.net, self.edges[self.known]
        of = slice(self.known * net.outputs, (self.known + 1) * net.outputs)
        said = linear(self.h[-1][:, :upto], self.last[of, :upto], net.last.bias[of])
        first = self.x[:, : self.known * net.features : net.features]
        return said + linear(first, self.shortcut[of, : self.known]) + part(self.shifts[-1], of)


def part(shift: Tensor | float, columns: slice) -> Tensor | float:
    """Some columns of what a condition adds, if there is one."""
    return shift if isinstance(shift, float) else shift[:, columns]
