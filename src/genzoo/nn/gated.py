"""Gated convolutions that see the pixels before each pixel, in the order in which one reads, and no other.

Two stacks: one comes down from the rows above, v, and one along a row from the left, h, which is told what has come
down,

$$ a = W_v * v, \\quad v' = v + g(a), \\qquad b = W_h * h + U a, \\quad h' = h + W_o\\, g(b), \\qquad
   g(x_1, x_2) = \\tanh(x_1)\\, \\sigma(x_2), $$

so that nothing above a pixel is hidden from it, as a single masked stack would hide a wedge to its right. The kernels
reach up and left alone, so no masks are needed. What was made of a row or pixel never changes: `Reading` keeps it, and
reads on at the price of one pixel.

References:
    van den Oord, Kalchbrenner, Vinyals et al., 2016, "Conditional image generation with PixelCNN decoders",
    arXiv:1606.05328
    Ramachandran et al., 2017, "Fast generation for convolutional autoregressive models", arXiv:1704.06001
"""

import copy

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import elu, linear, pad

__all__ = ["GatedPixels", "Reading"]


class Layer(nn.Module):
    """A gated step of both stacks."""

    def __init__(self, width: int, kernel: int, given: int) -> None:
        super().__init__()
        self.left, self.side = kernel // 2, kernel // 2
        self.down = nn.Conv2d(width, 2 * width, (self.left + 1, kernel))
        self.along = nn.Conv2d(width, 2 * width, (1, self.left + 1))
        self.across = nn.Conv2d(2 * width, 2 * width, 1, bias=False)
        self.out = nn.Conv2d(width, width, 1)
        self.told = nn.Linear(given, 4 * width, bias=False) if given else None
        nn.init.zeros_(self.out.weight)

    def forward(self, v: Tensor, h: Tensor, shift: tuple[Tensor, Tensor] | None) -> tuple[Tensor, Tensor]:
        a = self.down(pad(v, (self.side, self.side, self.left, 0)))
        b = self.along(pad(h, (self.left, 0, 0, 0))) + self.across(a)
        if shift is not None:
            a, b = a + shift[0][..., None, None], b + shift[1][..., None, None]
        return v + gate(a), h + self.out(gate(b))

    def shifts(self, given: Tensor | None) -> tuple[Tensor, Tensor] | None:
        """What the condition adds to both."""
        if self.told is None or given is None:
            return None
        first, second = self.told(given).chunk(2, dim=1)
        return first, second


class GatedPixels(nn.Module):
    """What is said of each pixel from those before it, the pixels of an image in reading order.

    Args:
        channels: Numbers by which a pixel comes in.
        outputs: Numbers that are said of a pixel.
        width: Channels of both stacks.
        depth: Their layers.
        kernel: The side of what a layer sees, odd; a pixel sees about half of it up and left, times the depth.
        given: The width of the condition's embedding, 0 for none.

    Raises:
        ValueError: If the kernel is even or below 3, or width or depth is not positive.

    Example:
        >>> net = GatedPixels(1, 5, width=8, depth=2)
        >>> net(torch.zeros(2, 1, 6, 7)).shape
        torch.Size([2, 5, 6, 7])
    """

    def __init__(
        self, channels: int, outputs: int, *, width: int = 48, depth: int = 8, kernel: int = 5, given: int = 0
    ) -> None:
        super().__init__()
        if kernel < 3 or kernel % 2 == 0 or min(width, depth) < 1:
            raise ValueError(
                f"`kernel` must be odd and at least 3, `width` and `depth` at least 1, got {kernel}, {width}, {depth}."
            )
        self.reach, self.width = kernel // 2 + 1, width
        self.above = nn.Conv2d(channels + 1, width, (self.reach, kernel))
        self.before = nn.Conv2d(channels + 1, width, (1, self.reach))
        self.layers = nn.ModuleList(Layer(width, kernel, given) for _ in range(depth))
        self.hidden, self.last = nn.Conv2d(width, width, 1), nn.Conv2d(width, outputs, 1)
        nn.init.zeros_(self.last.weight)

    def forward(
        self, x: Float[Tensor, "B C H W"], given: Float[Tensor, "B width"] | None = None
    ) -> Float[Tensor, "B outputs H W"]:
        x, side = self.there(x).contiguous(memory_format=torch.channels_last), self.reach - 1
        v = self.above(pad(x, (side, side, self.reach, 0))[:, :, :-1])
        h = self.before(pad(x, (self.reach, 0, 0, 0))[..., :-1])
        for layer in self.layers:
            assert isinstance(layer, Layer)
            v, h = layer(v, h, layer.shifts(given))
        return self.last(elu(self.hidden(elu(h))))

    def there(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C1 H W"]:
        """Pixels, each with a one for its being there: beyond the edge there is none."""
        return torch.cat([x, torch.ones_like(x[:, :1])], dim=1)


class Reading:
    """A pass pixel by pixel: each call tells one more and asks about the next.

    Args:
        net: The network; its weights are read once.
        rows: The number of images.
        size: Their height and width.
        given: The condition's embedding.

    Example:
        >>> net = GatedPixels(1, 5, width=8, depth=2)
        >>> x, reading = torch.randn(2, 1, 3, 4), Reading(net, 2, (3, 4))
        >>> pixels = x.flatten(2).unbind(2)
        >>> said = [reading.first(), *(reading.tell(pixel) for pixel in pixels[:-1])]
        >>> torch.allclose(torch.stack(said, 2).unflatten(2, (3, 4)), net(x), atol=1e-5)
        True
    """

    def __init__(
        self, net: GatedPixels, rows: int, size: tuple[int, int], given: Float[Tensor, "B width"] | None = None
    ) -> None:
        self.net, self.size, self.known = net, size, 0
        self.layers = [layer for layer in net.layers if isinstance(layer, Layer)]
        self.shifts = [layer.shifts(given) for layer in self.layers]
        like, (height, width), reach = net.last.weight, size, net.reach
        channels = net.above.in_channels
        self.x = like.new_zeros(rows, channels, height + reach, width + 2 * reach)  # with what is beyond the edges
        self.down = [like.new_zeros(rows, net.width, reach, width + 2 * (reach - 1)) for _ in self.layers]
        self.left = [like.new_zeros(rows, net.width, reach) for _ in self.layers]
        self.told: list[Tensor] = []  # of the row that is being read, by layer: what has come down

    def first(self) -> Float[Tensor, "B outputs"]:
        """What is said of the first pixel."""
        return self._said()

    def tell(self, pixel: Float[Tensor, "B C"]) -> Float[Tensor, "B outputs"]:
        """What is said of the next pixel, this one being known."""
        i, j = divmod(self.known, self.size[1])
        there = torch.cat([pixel, torch.ones_like(pixel[:, :1])], dim=1)
        self.x[:, :, i + self.net.reach, j + self.net.reach] = there
        self.known += 1
        return self._said()

    def select(self, rows: Int[Tensor, " m"]) -> "Reading":
        """What has been read of some of the images, of which one may come several times."""
        found = copy.copy(self)
        found.x = self.x[rows]
        found.down, found.left, found.told = (
            [part[rows] for part in kept] for kept in (self.down, self.left, self.told)
        )
        found.shifts = [None if shift is None else (shift[0][rows], shift[1][rows]) for shift in self.shifts]
        return found

    def _said(self) -> Tensor:
        net, (i, j) = self.net, divmod(self.known, self.size[1])
        if j == 0:
            self._begin_row(i)
        reach = net.reach
        h = _at(net.before, self.x[:, :, i + reach, j : j + reach])
        for layer, kept, told, shift in zip(self.layers, self.left, self.told, self.shifts, strict=True):
            kept.copy_(torch.cat([kept[:, :, 1:], h[..., None]], dim=2))
            b = _at(layer.along, kept) + told[:, :, j]
            h = h + _at(layer.out, gate(b if shift is None else b + shift[1])[..., None])
        return _at(net.last, elu(_at(net.hidden, elu(h)[..., None]))[..., None])

    def _begin_row(self, i: int) -> None:
        """All that comes down to a row; nothing is to its left yet."""
        net, reach, width = self.net, self.net.reach, self.size[1]
        v, self.told = net.above(self.x[:, :, i : i + reach, 1 : width + 2 * reach - 1]), []
        for layer, kept, left, shift in zip(self.layers, self.down, self.left, self.shifts, strict=True):
            kept[:, :, :-1] = kept[:, :, 1:].clone()
            kept[:, :, -1, reach - 1 : reach - 1 + width] = v.squeeze(2)
            a = layer.down(kept)
            self.told.append(layer.across(a).squeeze(2))
            v = v + gate(a if shift is None else a + shift[0][..., None, None])
            left.zero_()


def gate(x: Float[Tensor, "B C2 *rest"]) -> Float[Tensor, "B C *rest"]:
    """tanh of one half, let through by the other."""
    value, opening = x.chunk(2, dim=1)
    return value.tanh() * opening.sigmoid()


def _at(convolution: nn.Conv2d, x: Float[Tensor, "B C k"]) -> Float[Tensor, "B D"]:
    """A convolution at one place."""
    return linear(x.flatten(1), convolution.weight.flatten(1), convolution.bias)
