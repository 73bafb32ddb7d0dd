"""What autoencoders of codes have in common, with one map of them or with several."""

import abc
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor
from torch.distributions import Distribution

from genzoo.core.component import Autoencoder
from genzoo.core.game import Instant
from genzoo.core.given import NOTHING, Given
from genzoo.core.noise import Noise
from genzoo.distributions.point_mass import PointMass

__all__ = ["FIRST", "Coder", "Coding", "first", "perplexity"]

FIRST = 20_000  # vectors from which a codebook begins


@dataclass(frozen=True)
class Coding:
    """What became of rows.

    Attributes:
        codes: The codes, place by place.
        price: What is added to the loss of a row, the mean over rows.
        said: What the decoder says of what the codes stand for, with the gradient of the encoder.
        law: p(x | z), which it says.
    """

    codes: Int[Tensor, "B T"]
    price: Float[Tensor, ""]
    said: Float[Tensor, "B *outputs"]
    law: Distribution


class Coder(Autoencoder, abc.ABC):
    """An autoencoder whose z are codes, all of one alphabet."""

    @abc.abstractmethod
    def coding(self, x: Shaped[Tensor, "B *event"], given: Given = NOTHING) -> Coding:
        """What becomes of rows."""

    @abc.abstractmethod
    def start(self, batches: Sequence[tuple[Tensor, Given]], noise: Noise) -> None:
        """Takes a start from rows and their conditions, where it has one."""

    @abc.abstractmethod
    def follow(self, now: Instant) -> None:
        """Goes after the vectors of the last step, where it does."""

    def levels(self) -> Mapping[str, slice]:
        """The levels of codes by name, where it has several: which places are whose."""
        return {}

    def posterior(self, x: Shaped[Tensor, "B *event"], given: Given = NOTHING) -> Distribution:
        return PointMass(self.coding(x, given).codes, 1)


def first(parts: Iterable[Float[Tensor, "n D"]]) -> Float[Tensor, "N D"]:
    """Vectors from which a codebook begins: so many of them, of the first rows.

    Args:
        parts: Vectors, batch by batch.
    """
    said: list[Tensor] = []
    for part in parts:
        said.append(part)
        if sum(map(len, said)) >= FIRST:
            break
    return torch.cat(said)[:FIRST]


def perplexity(codes: Int[Tensor, "B T"], levels: int) -> Float[Tensor, ""]:
    """How many codes are in use, as the exponential of their entropy: as many as used evenly would be as uncertain.

    Args:
        codes: Codes.
        levels: How many there could be.

    Example:
        >>> perplexity(torch.tensor([[0, 3], [3, 0]]), 5).item()
        2.0
    """
    share = torch.bincount(codes.flatten(), minlength=levels) / codes.numel()
    return torch.special.entr(share).sum().exp()
