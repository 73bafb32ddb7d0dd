"""Layers whose learning rates are equal: weights begin as N(0, 1) and are scaled where they are used."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import conv2d, linear, normalize

__all__ = ["EqualizedConv2d", "EqualizedLinear", "PixelNorm"]


class EqualizedLinear(nn.Module):
    """A linear layer with an equalized learning rate,

    $$ y = \\frac{g r}{\\sqrt{n}} W x + r b, \\qquad W_{ij} \\sim N(0, 1 / r^2), $$

    so that a step of Adam changes all layers by a like share, whatever the number n of their inputs.

    Args:
        inputs: n.
        outputs: The length of y.
        gain: g; √2 before a rectifier.
        rate: r, how fast it learns beside others.
        bias: b at the beginning, times r.

    Example:
        >>> layer = EqualizedLinear(400, 300)
        >>> x = layer(torch.randn(100, 400))
        >>> bool((x.std() - 1).abs() < 0.1), bool((layer.weight.std() - 1).abs() < 0.1)
        (True, True)

    References:
        Karras, Aila, Laine & Lehtinen, 2018, "Progressive growing of GANs", arXiv:1710.10196 (section 4.1)
    """

    def __init__(self, inputs: int, outputs: int, *, gain: float = 1.0, rate: float = 1.0, bias: float = 0.0) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.empty(outputs, inputs)), nn.Parameter(torch.empty(outputs))
        self.scale, self.rate = gain * rate / math.sqrt(inputs), rate
        nn.init.normal_(self.weight, std=1 / rate)
        nn.init.constant_(self.bias, bias / rate)

    def forward(self, x: Float[Tensor, "B inputs"]) -> Float[Tensor, "B outputs"]:
        return linear(x, self.weight * self.scale, self.bias * self.rate)


class EqualizedConv2d(nn.Module):
    """The same as a convolution of an odd kernel that keeps the size.

    Args:
        inputs: Channels that come in.
        outputs: Channels that go out.
        kernel: The side of the kernel.
        gain: g; √2 before a rectifier.

    Example:
        >>> EqualizedConv2d(3, 8, 3)(torch.zeros(2, 3, 5, 4)).shape
        torch.Size([2, 8, 5, 4])

    References:
        Karras, Aila, Laine & Lehtinen, 2018, "Progressive growing of GANs", arXiv:1710.10196 (section 4.1)
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, *, gain: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.scale, self.padding = gain / math.sqrt(inputs * kernel**2), kernel // 2
        nn.init.normal_(self.weight)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D H W"]:
        return conv2d(x, self.weight * self.scale, self.bias, padding=self.padding)


class PixelNorm(nn.Module):
    """The features of each place, or of each row, scaled to a mean square of one.

    Example:
        >>> PixelNorm()(torch.tensor([[3.0, 4.0]])).square().mean()
        tensor(1.)

    References:
        Karras, Aila, Laine & Lehtinen, 2018, "Progressive growing of GANs", arXiv:1710.10196 (section 4.2)
    """

    def forward(self, x: Float[Tensor, "B C *places"]) -> Float[Tensor, "B C *places"]:
        return normalize(x, dim=1) * math.sqrt(x.shape[1])
