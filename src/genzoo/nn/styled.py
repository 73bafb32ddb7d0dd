"""Generators by style: a latent is mapped to a style w, and w says at every layer how much each feature counts.

A layer's convolution is modulated by w and demodulated again, or its features are normalized and given the scale and
shift that w says. Noise of each place comes in at every layer, for what is random in a picture.
"""

import itertools
import math
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import conv2d, instance_norm, leaky_relu

from genzoo.core.noise import Noise
from genzoo.nn.conv import image, stages
from genzoo.nn.equalized import EqualizedConv2d, EqualizedLinear, PixelNorm
from genzoo.nn.progressive import doubled, widths_of

__all__ = ["AdaptiveNorm", "Mapping", "ModulatedConv2d", "Synthesis"]

GAIN = math.sqrt(2)


class ModulatedConv2d(nn.Module):
    """A convolution whose weights a style scales, and whose outputs keep their variance,

    $$ W'_{oik} = s_i W_{oik}, \\qquad W''_{oik} = W'_{oik} \\Big/ \\sqrt{\\textstyle\\sum_{ik} W'^2_{oik} + 10^{-8}},
       \\qquad s = A w + 1. $$

    It is computed with one weight for all rows: inputs are scaled by s, outputs by the root.

    Args:
        inputs: Channels that come in.
        outputs: Channels that go out.
        kernel: The side of the kernel, odd.
        style: The length of w.
        demodulated: Whether outputs are scaled; the last layer's, which makes the image, are not.

    Example:
        >>> ModulatedConv2d(4, 6, 3, style=5)(torch.zeros(2, 4, 7, 7), torch.zeros(2, 5)).shape
        torch.Size([2, 6, 7, 7])

    References:
        Karras et al., 2020, "Analyzing and improving the image quality of StyleGAN", arXiv:1912.04958 (section 2.2)
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, *, style: int, demodulated: bool = True) -> None:
        super().__init__()
        self.style = EqualizedLinear(style, inputs, bias=1.0)
        self.weight = nn.Parameter(torch.empty(outputs, inputs, kernel, kernel))
        self.scale, self.padding, self.demodulated = 1 / math.sqrt(inputs * kernel**2), kernel // 2, demodulated
        nn.init.normal_(self.weight)

    def forward(self, x: Float[Tensor, "B C H W"], w: Float[Tensor, "B style"]) -> Float[Tensor, "B D H W"]:
        s, weight = self.style(w), self.weight * self.scale
        y = conv2d(x * s[:, :, None, None].to(x), weight, padding=self.padding)
        if not self.demodulated:
            return y
        size = s.square() @ weight.square().sum((2, 3)).T
        return y * (size + 1e-8).rsqrt()[:, :, None, None].to(y)


class AdaptiveNorm(nn.Module):
    """Features normalized for each row and channel, with the scale and the shift that a style says,

    $$ y = (1 + \\gamma(w)) \\, \\frac{h - \\mu(h)}{\\sigma(h)} + \\beta(w). $$

    Args:
        channels: Of h.
        style: The length of w.

    Example:
        >>> AdaptiveNorm(6, 5)(torch.zeros(2, 6, 7, 7), torch.zeros(2, 5)).shape
        torch.Size([2, 6, 7, 7])

    References:
        Karras, Laine & Aila, 2019, "A style-based generator architecture for GANs", arXiv:1812.04948 (equation 1)
    """

    def __init__(self, channels: int, style: int) -> None:
        super().__init__()
        self.style = EqualizedLinear(style, 2 * channels)

    def forward(self, h: Float[Tensor, "B C H W"], w: Float[Tensor, "B style"]) -> Float[Tensor, "B C H W"]:
        scale, shift = self.style(w)[:, :, None, None].to(h.dtype).chunk(2, dim=1)
        return torch.addcmul(shift, instance_norm(h), 1 + scale)


class Mapping(nn.Module):
    """From z to the style w: z scaled to a mean square of one, then a deep perceptron that learns slowly.

    Args:
        inputs: The length of z.
        width: The length of w and of what is between.
        depth: Layers.
        given: The width of a condition's embedding, which stands behind z; 0 for none.
        rate: How fast it learns beside the rest of the generator.

    Example:
        >>> Mapping(4, 8, 2)(torch.ones(3, 4)).shape
        torch.Size([3, 8])

    References:
        Karras, Laine & Aila, 2019, "A style-based generator architecture for GANs", arXiv:1812.04948
    """

    def __init__(self, inputs: int, width: int, depth: int, *, given: int = 0, rate: float = 0.01) -> None:
        super().__init__()
        sizes = [inputs + given, *[width] * depth]
        self.norm = PixelNorm()
        self.layers = nn.ModuleList(EqualizedLinear(a, b, gain=GAIN, rate=rate) for a, b in itertools.pairwise(sizes))

    def forward(
        self, z: Float[Tensor, "B inputs"], given: Float[Tensor, "B width"] | None = None
    ) -> Float[Tensor, "B style"]:
        w = self.norm(z) if given is None else torch.cat([self.norm(z), self.norm(given)], dim=1)
        for layer in self.layers:
            w = leaky_relu(layer(w), 0.2)
        return w


class Synthesis(nn.Module):
    """From styles to an image: a learned constant of 4×4 that is doubled and convolved as the styles say.

    Every stage adds an image of its own to that of the stage before, enlarged. Sizes are those of
    `genzoo.nn.conv.stages`.

    Args:
        style: The length of a style.
        shape: (C, H, W) of the image.
        width: Channels of the finest stage, doubled at each coarser one.
        most: The largest number of channels.
        kind: How styles come in: by modulated weights, or by adaptive normalization.

    Attributes:
        style: The length of a style.
        layers: The number of layers that take a style each.

    Example:
        >>> net = Synthesis(8, (3, 14, 14), width=4)
        >>> net.layers, net(torch.zeros(2, net.layers, 8), None).shape
        (5, torch.Size([2, 3, 14, 14]))

    References:
        Karras et al., 2020, "Analyzing and improving the image quality of StyleGAN", arXiv:1912.04958 (figures 2, 7)
        Karras, Laine & Aila, 2019, "A style-based generator architecture for GANs", arXiv:1812.04948 (adaptive)
    """

    def __init__(
        self,
        style: int,
        shape: tuple[int, ...],
        *,
        width: int = 16,
        most: int = 512,
        kind: Literal["modulated", "adaptive"] = "modulated",
    ) -> None:
        super().__init__()
        channels, *size = image(shape)
        self.sizes = stages(size[0], size[1])[::-1]
        widths = widths_of(len(self.sizes), width, most)
        self.constant = nn.Parameter(torch.empty(1, widths[0], *self.sizes[0]))
        nn.init.normal_(self.constant)
        pairs = [(widths[0], widths[0])]
        for a, b in itertools.pairwise(widths):
            pairs += [(a, b), (b, b)]
        layer = _Modulated if kind == "modulated" else _Adaptive
        self.steps = nn.ModuleList(layer(a, b, style) for a, b in pairs)
        self.images = nn.ModuleList(ModulatedConv2d(b, channels, 1, style=style, demodulated=False) for b in widths)
        self.shift, self.style, self.layers = nn.Parameter(torch.zeros(channels)), style, len(pairs)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, styles: Float[Tensor, "B layers style"], noise: Noise | None) -> Float[Tensor, "B C H W"]:
        """The image of styles, one for each layer; without noise where none is given.

        Args:
            styles: One for each layer.
            noise: The source of what is random at every place.
        """
        h = self.constant.expand(len(styles), -1, -1, -1)
        x = self.shift[:, None, None]
        for stage, size in enumerate(self.sizes):
            if stage:
                h = self._step(2 * stage - 1, doubled(h, size, "bilinear"), styles, noise)
            h = self._step(2 * stage, h, styles, noise)
            added = self.images[stage](h, styles[:, 2 * stage])
            x = doubled(x, size, "bilinear") + added if stage else x + added
        return x

    def _step(self, number: int, h: Tensor, styles: Tensor, noise: Noise | None) -> Tensor:
        step: Tensor = self.steps[number](h, styles[:, number], None if noise is None else noise.at(number))
        return step


class _Excited(nn.Module):
    """What every layer does behind its convolution: noise of each place, a bias, and a leaky rectifier."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.strength, self.bias = nn.Parameter(torch.zeros(())), nn.Parameter(torch.zeros(channels))

    def forward(self, h: Float[Tensor, "B C H W"], noise: Noise | None) -> Float[Tensor, "B C H W"]:
        if noise is not None:
            places = noise.normal(len(h), 1, *h.shape[2:], dtype=self.bias.dtype)
            h = h + (self.strength * places).to(h)
        return leaky_relu(h + self.bias[:, None, None].to(h), 0.2) * GAIN


class _Modulated(nn.Module):
    """A layer whose convolution a style modulates."""

    def __init__(self, inputs: int, outputs: int, style: int) -> None:
        super().__init__()
        self.conv, self.excited = ModulatedConv2d(inputs, outputs, 3, style=style), _Excited(outputs)

    def forward(self, h: Tensor, w: Tensor, noise: Noise | None) -> Tensor:
        excited: Tensor = self.excited(self.conv(h, w), noise)
        return excited


class _Adaptive(nn.Module):
    """A layer whose features a style scales and shifts."""

    def __init__(self, inputs: int, outputs: int, style: int) -> None:
        super().__init__()
        self.conv, self.excited = EqualizedConv2d(inputs, outputs, 3), _Excited(outputs)
        self.norm = AdaptiveNorm(outputs, style)

    def forward(self, h: Tensor, w: Tensor, noise: Noise | None) -> Tensor:
        normed: Tensor = self.norm(self.excited(self.conv(h), noise), w)
        return normed
