"""Masked networks: one pass gives every conditional of a chain.

Entries of x are numbered 0 … D−1. A hidden unit of degree m sees the entries up to m; what is said of entry d comes
from units of degree below d and from entries before d, so it is a function of x_{<d} alone. Units are sorted by
degree, equally many of each, so the masks are staircases: a unit that is known never changes when later entries become
known. Hence generation computes every unit once (`Growing`), at the price of a single pass instead of D.

References:
    Germain, Gregor, Murray & Larochelle, 2015, "MADE: Masked autoencoder for distribution estimation",
    arXiv:1502.03509
"""

import itertools
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import linear, relu

from genzoo.nn.masked_pass import Plan, masked_pass

__all__ = ["Growing", "MaskedLinear", "MaskedMLP"]

SPAN = 12  # entries that are grown one by one


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
        mask = (of[:, None] >= seen[None, :]).to(self.weight.dtype)  # a factor: choices take several times as long
        self.register_buffer("mask", mask, persistent=False)
        nn.init.normal_(self.weight)
        with torch.no_grad():  # He's scale for the inputs that an output sees, not for all
            self.weight.mul_(self.mask * (2 / self.mask.sum(1, keepdim=True).clamp_min(1)).sqrt())

    def masked(self) -> Float[Tensor, "outputs inputs"]:
        """The weights with zeros where nothing is seen."""
        return self.weight * self.mask

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

    Raises:
        ValueError: If it has no layer or no unit.

    Example:
        >>> net = MaskedMLP(entries=6, features=1, outputs=2, width=32, depth=2)
        >>> net(torch.randn(5, 6, 1)).shape
        torch.Size([5, 6, 2])
    """

    place: Tensor

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
        self.units = [0, *torch.searchsorted(degrees, each, right=True).tolist()]  # that so many entries complete
        order = torch.cat([each, degrees]).argsort(stable=True)
        self.register_buffer("place", order.argsort(), persistent=False)  # of entries and units, as they become known
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

    def by_number(
        self, x: Float[Tensor, "B D features"], given: Float[Tensor, "B width"] | None = None
    ) -> Float[Tensor, "B outputs D"]:
        """The same with all first numbers side by side, then all second ones, as transforms of entries read them."""
        every = [layer for layer in (*self.layers, self.last, self.shortcut) if isinstance(layer, MaskedLinear)]
        biases, shifts = [layer.bias for layer in every[:-1]], self.shifted(given)
        constants = [b if isinstance(shift, float) else b + shift for b, shift in zip(biases, shifts, strict=True)]
        kind, dtype = x.device.type, self.last.weight.dtype
        dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else dtype
        plan = Plan(tuple(layer.mask for layer in every), self.entries, dtype)
        said = masked_pass(plan, x.flatten(1), constants, [layer.weight for layer in every])
        return said.unflatten(1, (self.outputs, self.entries))

    def shifted(self, given: Tensor | None) -> list[Tensor | float]:
        """What the condition adds to each layer, and last to the output."""
        if not self.shifts or given is None:
            return [0.0] * (len(self.layers) + 1)
        return [shift(given) for shift in self.shifts]


class Growing:
    """A pass through a masked network entry by entry, without gradients: each call tells one more and asks about the
    next.

    Rows stand side by side, so that what an entry adds is a few rows of numbers in one piece. Entries are taken in
    spans: what all before a span add to it is a product of large matrices, and what is left within it is so small that
    the calls themselves cost more. For numbers that are not known yet the masked weights are zero.

    Args:
        net: The network; its weights are read once.
        rows: The number of rows.
        given: The condition's embedding.

    Example:
        >>> net = MaskedMLP(entries=6, features=1, outputs=2, width=32, depth=2)
        >>> x, growing = torch.randn(5, 6, 1), Growing(net, 5)
        >>> said = [growing.first(), *(growing.tell(x[:, d].T) for d in range(5))]
        >>> torch.allclose(torch.stack(said).permute(2, 0, 1), net(x), atol=1e-6)
        True
    """

    @torch.no_grad()
    def __init__(self, net: MaskedMLP, rows: int, given: Float[Tensor, "B width"] | None = None) -> None:
        self.net, self.known, self.units, like = net, 0, net.units, net.last.weight
        self.tips, wide = [known + units for known, units in enumerate(self.units)], net.entries + net.width
        firsts, units = net.place.split([net.entries, net.width])
        layers = [layer for layer in net.layers if isinstance(layer, MaskedLinear)]
        inward, tip = layers[0].masked(), like.new_empty(len(like), wide)
        tip[:, units], tip[:, firsts] = net.last.masked(), net.shortcut.masked()
        self.x = None if net.features == 1 else like.new_zeros(net.entries * net.features, rows)
        if self.x is None:  # then the first layer reads entries where the last one does
            inward = like.new_zeros(net.width, wide).index_copy_(1, firsts, inward)
        self.weights = [inward, *(layer.masked() for layer in layers[1:]), tip]
        biases, shifts = [*(layer.bias for layer in layers), net.last.bias], net.shifted(given)
        self.constants = [_beside(bias, shift) for bias, shift in zip(biases, shifts, strict=True)]
        self.tip = like.new_zeros(wide, rows)  # entries, and what the last hidden layer makes of them
        self.h = [like.new_zeros(net.width, rows) for _ in layers[1:]]
        self._open()

    def first(self) -> Float[Tensor, "outputs B"]:
        """What is said of entry 0."""
        return self._said()

    def tell(self, x: Float[Tensor, "features B"]) -> Float[Tensor, "outputs B"]:
        """Takes in the next entry; returns what is said of the one after it."""
        d, below = self.known - self.start, None
        x = x.detach()
        self.slots[d].copy_(x[:1])
        if self.x is not None:
            self.x[self.known * len(x) : (self.known + 1) * len(x)] = x
        for layer, slots in self.span:
            new = slots[d]
            torch.addmm(layer.begun[d], layer.weights[d], layer.reads, out=new).relu_()
            below = new if below is None else new.add_(below)
        self.known += 1
        if self.known - self.start == len(self.slots) and self.known < self.net.entries:
            self._open()
        return self._said()

    def _said(self) -> Tensor:
        said, d = self.said, self.known - self.start
        return torch.addmm(said.begun[d], said.weights[d], said.reads)

    def _open(self) -> None:
        """Begins a span of entries: what is known adds to all that is made of them."""
        net, self.start = self.net, self.known
        stop = min(self.known + SPAN, net.entries)
        counts = [b - a for a, b in itertools.pairwise(self.units[self.known : stop + 1])]
        here, units = (slice(edges[self.known], edges[stop]) for edges in (self.tips, self.units))
        inner = self.tip[here].split([size for count in counts for size in (1, count)])
        self.slots, made = inner[::2], [*(h[units].split(counts) for h in self.h), inner[1::2]]
        entries = slice(self.known * net.features, stop * net.features)
        reads = [(self.tip, here) if self.x is None else (self.x, entries), *((h, units) for h in self.h)]
        layers = [self._begun(i, units, counts, *read) for i, read in enumerate(reads)]
        self.span = list(zip(layers, made, strict=True))
        rows, sizes = slice(self.known * net.outputs, stop * net.outputs), [net.outputs] * (stop - self.known)
        self.said = self._begun(len(layers), rows, sizes, self.tip, here)

    def _begun(self, layer: int, rows: slice, sizes: list[int], source: Tensor, here: slice) -> "_Begun":
        weight = self.weights[layer][rows]
        begun = torch.addmm(self.constants[layer][rows], weight[:, : here.start], source[: here.start])
        return _Begun(begun.split(sizes), weight[:, here].split(sizes), source[here])


class _Begun(NamedTuple):
    """What a layer makes of the entries before a span, its weights of those within, entry by entry, and these."""

    begun: tuple[Tensor, ...]
    weights: tuple[Tensor, ...]
    reads: Tensor


def _beside(bias: Float[Tensor, " units"], shift: Tensor | float) -> Float[Tensor, "units _"]:
    """What is added to units, one number for all rows or one a row."""
    return bias[:, None] if isinstance(shift, float) else (bias + shift).T.contiguous()
