"""All states of a few binary units, a block at a time: what sums over them are taken on."""

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["FEW", "binary_states"]

FEW = 20  # units whose states may be enumerated: a million of them
BLOCK = 1 << 14


def binary_states(
    units: int, dtype: torch.dtype | None = None, device: torch.device | str = "cpu", block: int = BLOCK
) -> Iterator[Float[Tensor, "block units"]]:
    """The 2ⁿ states of n units in {0, 1}, in the order of binary numbers.

    Args:
        units: n.
        dtype: The type of the numbers; torch's default if none is named.
        device: Where they are made.
        block: States at a time.

    Example:
        >>> [part.tolist() for part in binary_states(2)]
        [[[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]]
    """
    places = 2 ** torch.arange(units - 1, -1, -1, device=device)
    for first in range(0, 2**units, block):
        numbers = torch.arange(first, min(first + block, 2**units), device=device)
        yield (numbers[:, None] & places != 0).to(dtype or torch.get_default_dtype())
