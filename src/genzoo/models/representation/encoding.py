"""Encodings: a code of every x, and no way back to x from it.

References:
    Bengio, Courville & Vincent, 2013, "Representation learning: a review and new perspectives", arXiv:1206.5538
"""

from torch import Tensor

from genzoo.core.given import Given, GivenSpaceLike
from genzoo.core.model import Capability, GenerativeModel, Likelihood
from genzoo.core.noise import Noise
from genzoo.core.space import Space

__all__ = ["Encoding"]


class Encoding(GenerativeModel):
    """What gives every x a short code z, and has no distribution over either.

    Args:
        space: What one x is.
        given_space: What x is learned beside, if anything.
        code: K, the length of z.

    Raises:
        ValueError: If the space is ragged, or the code is not at least 1 long.
    """

    likelihood = Likelihood.NONE

    def __init__(self, space: Space, given_space: GivenSpaceLike = None, *, code: int) -> None:
        super().__init__(space, given_space)
        if space.ragged:
            raise ValueError(f"{type(self).__name__} needs rows of one length, got {space}. Cut or pad them.")
        if code < 1:
            raise ValueError(f"`code` must be at least 1, got {code}. Choose the number of entries of z.")
        self.code = Space((code,))

    def draw(self, n: int, given: Given, noise: Noise, /, *_: object, **options: object) -> Tensor:
        raise self.lacks(Capability.SAMPLE)

    def can(self, capability: Capability | str) -> bool:
        return Capability(capability) is not Capability.SAMPLE and super().can(capability)
