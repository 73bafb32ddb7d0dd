"""Multi-scale flows: half of the channels is done, the other half goes on."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.core.noise import Noise
from genzoo.models.flows.bijection import Bijection, Embedded

__all__ = ["Split"]


class Split(Bijection):
    """Sends the front half of the channels through what is left of a flow; the back half is latent already,

    $$ z = (f(x_a), x_b), $$

    laid out as one vector. Coarse structure is left to few entries, and the deep part of a flow costs half.

    Args:
        rest: f, which ends in vectors.
        shape: The shape of one x; the front half has the odd channel, if there is one.

    Raises:
        ValueError: If there is but one channel.

    Example:
        >>> from genzoo.models.flows import Chain, Flatten, Squeeze
        >>> rest = Chain(Squeeze(), Flatten((8, 3, 3)))
        >>> Split(rest, (4, 6, 6))(torch.zeros(5, 4, 6, 6))[0].shape
        torch.Size([5, 144])

    References:
        Dinh, Sohl-Dickstein & Bengio, 2017, "Density estimation using Real NVP", arXiv:1605.08803 (§3.6)
    """

    def __init__(self, rest: Bijection, shape: tuple[int, ...]) -> None:
        super().__init__()
        if shape[0] < 2:
            raise ValueError(f"A split needs at least 2 channels, got shape {tuple(shape)}. Squeeze the image first.")
        self.rest = rest
        self.front, self.back = (shape[0] + 1) // 2, (shape[0] // 2, *shape[1:])

    def forward(
        self, x: Float[Tensor, "B C *rest"], given: Embedded = None
    ) -> tuple[Float[Tensor, "B D"], Float[Tensor, " B"]]:
        z, ladj = self.rest(x[:, : self.front], given)
        return torch.cat([z, x[:, self.front :].flatten(1)], dim=1), ladj

    def estimated(
        self, x: Float[Tensor, "B C *rest"], given: Embedded, noise: Noise
    ) -> tuple[Float[Tensor, "B D"], Float[Tensor, " B"]]:
        z, ladj = self.rest.estimated(x[:, : self.front], given, noise)
        return torch.cat([z, x[:, self.front :].flatten(1)], dim=1), ladj

    def inverse(self, z: Float[Tensor, "B D"], given: Embedded = None) -> Float[Tensor, "B C *rest"]:
        done = math.prod(self.back)
        front = self.rest.inverse(z[:, :-done], given)
        return torch.cat([front, z[:, -done:].unflatten(1, self.back)], dim=1)

    def start(self, x: Float[Tensor, "B C *rest"], given: Embedded = None) -> Float[Tensor, "B D"]:
        z = self.rest.start(x[:, : self.front], given)
        return torch.cat([z, x[:, self.front :].flatten(1)], dim=1)
