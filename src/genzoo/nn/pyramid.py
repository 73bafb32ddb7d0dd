"""Residual convolutions that end in one vector: what recognizes images, where `ConvEncoder` compresses them."""

import itertools
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["Pyramid"]


class Pyramid(nn.Module):
    """Residual blocks at ever smaller sizes, then the mean over places.

    Each stage halves the image and is one block $h \\leftarrow a(h + f(h))$ of two normalized convolutions. The
    normalization is over the batch in training and fixed afterwards, so that each row's result depends on it alone.

    Args:
        channels: Of the image.
        widths: The channels of each stage; the last is the length of the result.
        stride: Of the first convolution: 2 spends a quarter of the work on an image of 28×28 or more.
        alone: Whether each row is normalized by itself, in groups of channels, and not over the batch.

    Example:
        >>> Pyramid(1, (8, 16), stride=1)(torch.zeros(5, 1, 8, 8)).shape
        torch.Size([5, 16])

    References:
        He et al., 2015, "Deep residual learning for image recognition", arXiv:1512.03385
    """

    def __init__(self, channels: int, widths: Sequence[int], *, stride: int = 2, alone: bool = False) -> None:
        super().__init__()
        self.stem = _normalized(channels, widths[0], 3 if stride == 1 else 5, stride, alone)
        self.stages = nn.ModuleList(_Stage(a, b, alone) for a, b in itertools.pairwise((widths[0], *widths)))

    def maps(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D h w"]:
        """The last feature maps, before the mean over places."""
        return self.every(x)[-1]

    def every(self, x: Float[Tensor, "B C H W"]) -> list[Tensor]:
        """The feature maps of the first convolution and of each stage."""
        maps = [torch.relu(self.stem(x.contiguous(memory_format=torch.channels_last)))]
        for stage in self.stages:
            maps.append(stage(maps[-1]))
        return maps

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D"]:
        return self.maps(x).mean((2, 3))


class _Stage(nn.Module):
    """A halving convolution, where the width changes, and a residual block."""

    def __init__(self, inputs: int, width: int, alone: bool) -> None:
        super().__init__()
        self.down = _normalized(inputs, width, 3, 2, alone) if inputs != width else None
        first, second = (_normalized(width, width, 3, 1, alone) for _ in range(2))
        self.block = nn.Sequential(first, nn.ReLU(), second)

    def forward(self, h: Tensor) -> Tensor:
        h = h if self.down is None else torch.relu(self.down(h))
        return torch.relu(h + self.block(h))


def _normalized(inputs: int, outputs: int, size: int, stride: int, alone: bool) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, size, stride=stride, padding=size // 2, bias=False)
    normalized = nn.GroupNorm(max(1, outputs // 8), outputs) if alone else nn.BatchNorm2d(outputs)
    return nn.Sequential(convolution, normalized)
