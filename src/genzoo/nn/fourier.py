"""Fourier features: what a network sees of a few numbers if it is to see detail."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["Fourier", "rates_of", "waves"]


class Fourier(nn.Module):
    """Numbers, and waves of each of them an octave apart,

    $$ x \\mapsto (x, \\sin \\tfrac{\\pi}{2} 2^k x, \\cos \\tfrac{\\pi}{2} 2^k x), \\qquad k = 0, …, K - 1. $$

    A perceptron learns slowly what varies fast: modes of a width of a hundredth are seen from such waves in minutes.

    Args:
        net: What sees them, called as net(waves, …).
        octaves: K.

    Example:
        >>> Fourier.width(2, 3), Fourier(nn.Identity(), 3)(torch.zeros(5, 2)).shape
        (14, torch.Size([5, 14]))

    References:
        Tancik et al., 2020, "Fourier features let networks learn high frequency functions in low dimensional domains",
        arXiv:2006.10739
    """

    rates: Tensor

    def __init__(self, net: nn.Module, octaves: int) -> None:
        super().__init__()
        self.net = net
        self.register_buffer("rates", rates_of(octaves), persistent=False)

    @staticmethod
    def width(inputs: int, octaves: int) -> int:
        """How many numbers come of some inputs.

        Args:
            inputs: How many.
            octaves: K.
        """
        return inputs * (1 + 2 * octaves)

    def forward(self, x: Float[Tensor, "B *event"], *given: Tensor) -> Float[Tensor, "B outputs"]:
        seen: Tensor = self.net(waves(x.flatten(1), self.rates), *given)
        return seen


def rates_of(octaves: int) -> Float[Tensor, " K"]:
    """π/2 · 2^k, how fast waves turn that are an octave apart.

    Args:
        octaves: K.

    Example:
        >>> (rates_of(3) / math.pi).tolist()
        [0.5, 1.0, 2.0]
    """
    return math.pi / 2 * 2.0 ** torch.arange(octaves)


def waves(x: Float[Tensor, "*B inputs"], rates: Float[Tensor, " K"]) -> Float[Tensor, "*B outputs"]:
    """Numbers beside sines and cosines of them.

    Args:
        x: The numbers.
        rates: How fast each wave turns, in radians.

    Example:
        >>> waves(torch.tensor([[2.0]]), torch.tensor([math.pi / 4])).round(decimals=3) + 0.0
        tensor([[2., 1., 0.]])
    """
    phases = (x[..., None] * rates.to(x)).flatten(-2)
    return torch.cat([x, phases.sin(), phases.cos()], dim=-1)
