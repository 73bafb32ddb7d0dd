"""What is said of one pixel, its channels one after another.

A pixel's channels depend on each other more than on anything else. All of them share one mixture, and the mean of each
moves with the channels before it,

$$ p(x) = \\sum_k \\pi_k \\prod_c
   \\mathrm{Logistic}\\Big(x_c;\\ \\mu_{kc} + \\sum_{b<c} \\alpha_{kcb}\\, x_b,\\ s_{kc}\\Big). $$

So a network says all of a pixel at once, and what is known of its first channels changes the weights of the rest,
$\\pi_k \\leftarrow \\pi_k\\, p_k(x_b)$.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from genzoo.distributions.discretized_logistic import DiscretizedLogistic
from genzoo.distributions.levels import centered
from genzoo.models.autoregressive.heads import HIGHEST, LOWEST, CategoricalHead, Head, LogisticsHead, bounded

__all__ = ["ColorHead", "PixelHead", "Said", "pixel_head"]

FEW = 32  # levels up to which every one gets a logit, of a single channel


class Said(NamedTuple):
    """What is said of a pixel, and what is known of it.

    Attributes:
        numbers: What the network said, (n, count).
        weights: Of colors: log π of the components, given the channels that are known.
        known: Of colors: the channels that are known, as numbers in [−1, 1].
    """

    numbers: Float[Tensor, "n count"]
    weights: Tensor | None = None
    known: Tensor | None = None


class PixelHead(nn.Module):
    """The only channel of a pixel.

    Args:
        head: Its distribution.

    Example:
        >>> head = PixelHead(CategoricalHead(3))
        >>> head.log_prob(torch.zeros(2, 3), torch.zeros(2, 1, dtype=torch.long)).exp()
        tensor([0.3333, 0.3333])
    """

    def __init__(self, head: Head) -> None:
        super().__init__()
        self.head, self.count = head, head.count

    def broad(self) -> Float[Tensor, " count"]:
        """The numbers of a broad distribution."""
        return self.head.broad()

    def log_prob(self, c: Float[Tensor, "*rest count"], pixel: Int[Tensor, "*rest 1"]) -> Float[Tensor, "*rest"]:
        """log p of pixels."""
        return self.head(c).log_prob(pixel.squeeze(-1).to(c.dtype))

    def begin(self, c: Float[Tensor, "n count"]) -> Said:
        """What is said of pixels of which nothing is known."""
        return Said(c)

    def logits(self, said: Said) -> Float[Tensor, "n levels"]:
        """log p of every level of the next channel."""
        return self.head.logits(said.numbers)

    def take(self, said: Said, symbol: Int[Tensor, " n"]) -> Said:
        """What is said once one more channel is known."""
        return said


class ColorHead(PixelHead):
    """The channels of a pixel, each from those before it.

    Args:
        levels: L.
        channels: C.
        components: K.

    Example:
        >>> head = ColorHead(4, 2, components=3)
        >>> every = torch.cartesian_prod(torch.arange(4), torch.arange(4))
        >>> round(head.log_prob(torch.randn(1, head.count).expand(16, -1), every).exp().sum().item(), 4)
        1.0

    References:
        Salimans, Karpathy, Chen & Kingma, 2017, "PixelCNN++", arXiv:1701.05517
    """

    def __init__(self, levels: int, channels: int, components: int = 5) -> None:
        nn.Module.__init__(self)
        self.levels, self.channels, self.components = levels, channels, components
        self.pairs = channels * (channels - 1) // 2
        self.count = components * (1 + 2 * channels + self.pairs)

    def broad(self) -> Float[Tensor, " count"]:
        one = LogisticsHead(self.levels, self.components).broad().unflatten(0, (3, -1))
        means, scales = one[1].repeat(self.channels), one[2].repeat(self.channels)
        return torch.cat([one[0], means, scales, torch.zeros(self.pairs * self.components)])

    def log_prob(self, c: Float[Tensor, "*rest count"], pixel: Int[Tensor, "*rest C"]) -> Float[Tensor, "*rest"]:
        y = centered(pixel, self.levels, c.dtype)
        weights, *_ = self._parts(c)
        total = weights.log_softmax(-1)
        for channel in range(self.channels):
            total = total + self._mass(c, y[..., :channel], pixel[..., channel])
        return total.logsumexp(-1)

    def begin(self, c: Float[Tensor, "n count"]) -> Said:
        weights, *_ = self._parts(c)
        return Said(c, weights.log_softmax(-1), c.new_empty(len(c), 0))

    def logits(self, said: Said) -> Float[Tensor, "n levels"]:
        level = torch.arange(self.levels, device=said.numbers.device)
        numbers, known, weights = _told(said)
        c, y = numbers[:, None].expand(-1, self.levels, -1), known[:, None].expand(-1, self.levels, -1)
        mass = self._mass(c, y, level.expand(len(numbers), -1))
        return (weights[:, None] + mass).logsumexp(-1)

    def take(self, said: Said, symbol: Int[Tensor, " n"]) -> Said:
        numbers, known, weights = _told(said)
        weights = weights + self._mass(numbers, known, symbol)
        y = centered(symbol[:, None], self.levels, known.dtype)
        return Said(numbers, weights.log_softmax(-1), torch.cat([known, y], dim=1))

    def _parts(self, c: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Weights (K), means and log-scales (C, K), and how means move (pairs, K)."""
        k, size = self.components, self.channels * self.components
        weights, means, scales, moves = c.split([k, size, size, self.pairs * k], dim=-1)
        return weights, *(part.unflatten(-1, (-1, k)) for part in (means, scales, moves))

    def _mass(self, c: Tensor, known: Tensor, symbol: Tensor) -> Float[Tensor, "*rest K"]:
        """log p of a channel's level in every component, the channels before it being known."""
        channel = known.shape[-1]
        _, means, scales, moves = self._parts(c)
        first = channel * (channel - 1) // 2
        loc = means[..., channel, :]
        if channel:
            loc = loc + (moves[..., first : first + channel, :].tanh() * known[..., None]).sum(-2)
        scale = bounded(scales[..., channel, :], LOWEST, HIGHEST)
        return DiscretizedLogistic(loc, scale, self.levels).log_prob(symbol[..., None].to(c.dtype))


def _told(said: Said) -> tuple[Tensor, Tensor, Tensor]:
    if said.known is None or said.weights is None:
        raise ValueError("What is said of a color must come from ColorHead.begin, got the numbers alone.")
    return said.numbers, said.known, said.weights


def pixel_head(levels: int, channels: int, components: int) -> PixelHead:
    """The head that suits pixels: a logit for each of few levels, else logistics, coupled where there are channels.

    Args:
        levels: L.
        channels: C.
        components: K of a mixture of logistics.

    Example:
        >>> pixel_head(2, 1, 5).count, pixel_head(256, 1, 5).count, pixel_head(256, 3, 5).count
        (1, 15, 50)
    """
    if channels > 1:
        return ColorHead(levels, channels, components)
    return PixelHead(CategoricalHead(levels) if levels <= FEW else LogisticsHead(levels, components))
