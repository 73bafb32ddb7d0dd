"""Steps of normal numbers: what a network sees of a latent if what it makes is to lie apart."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["Steps"]


class Steps(nn.Module):
    """Normal numbers, and waves of their quantiles that become steps,

    $$ z \\mapsto (z, r(a \\sin \\pi 2^k \\Phi(z)), r(a \\cos \\pi 2^k \\Phi(z))), \\qquad r(v) = v / \\sqrt{1 + v^2},
       \\quad k = 0, …, K - 1. $$

    A continuous function of z takes a connected set to a connected set, so a generator of modes that lie apart has
    samples between them: as many as it takes to come from one to the next. From steps it may jump. Where a is large
    from the first, each jump is made before the modes have their right mass, and stays; so a grows geometrically along
    the training.

    Args:
        net: What sees them, called as net(seen, …).
        octaves: K.
        first: a at the beginning.
        last: a at the end.
        until: The progress at which a has grown.

    Raises:
        ValueError: If a is not positive, or is to grow beyond the training's end.

    Example:
        >>> net = Steps(nn.Identity(), 1, first=1.0, last=1e6)
        >>> net.at(1.0)
        >>> Steps.width(1, 1), net(torch.tensor([[-0.3], [0.3]])).round(decimals=1)
        (3, tensor([[-0.3000,  1.0000,  1.0000],
                [ 0.3000,  1.0000, -1.0000]]))

    References:
        Khayatkhoei, Singh & Elgammal, 2018, "Disconnected manifold learning for generative adversarial networks",
        arXiv:1806.00880 (why a continuous generator cannot; there with several generators)
    """

    rates: Tensor
    sharpness: Tensor

    def __init__(
        self, net: nn.Module, octaves: int, *, first: float = 2.0, last: float = 30.0, until: float = 0.6
    ) -> None:
        super().__init__()
        if min(first, last) <= 0 or not 0 < until <= 1:
            raise ValueError(
                f"Steps must be of positive sharpness and ready within the training, got {first:g}, {last:g} and "
                f"until={until:g}. Set first=2, last=30, until=0.6."
            )
        self.net, self.first, self.last, self.until = net, first, last, until
        self.register_buffer("rates", math.pi * 2.0 ** torch.arange(octaves), persistent=False)
        self.register_buffer("sharpness", torch.tensor(first))

    @staticmethod
    def width(inputs: int, octaves: int) -> int:
        """How many numbers come of some inputs.

        Args:
            inputs: How many.
            octaves: K.
        """
        return inputs * (1 + 2 * octaves)

    def at(self, progress: float) -> None:
        """Makes a what it is at some progress of the training.

        Args:
            progress: From 0 to 1.
        """
        self.sharpness.fill_(self.first * (self.last / self.first) ** min(1.0, progress / self.until))

    def forward(self, z: Float[Tensor, "B latent"], *given: Tensor) -> Float[Tensor, "B outputs"]:
        phases = (torch.special.ndtr(z)[:, :, None] * self.rates.to(z)).flatten(1)
        waves = torch.cat([phases.sin(), phases.cos()], dim=1) * self.sharpness.to(z)
        seen: Tensor = self.net(torch.cat([z, waves * torch.rsqrt(1 + waves.square())], dim=1), *given)
        return seen
