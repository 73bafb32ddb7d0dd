"""Spaces: what one element x of the data is.

A space is mathematics, never a file format. Real data lives in $\\mathbb R^{shape}$, discrete data (bytes, tokens,
binarised pixels, labels) in $\\{0, …, levels-1\\}^{shape}$. Turning files into elements of a space and back is the
work of the codecs in `genzoo.data`.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

__all__ = ["Space"]


@dataclasses.dataclass(frozen=True)
class Space:
    """What one x is: real numbers of a shape, or integers in [0, levels).

    Args:
        shape: The shape of one x, without the row axis; `()` for a scalar such as a class label.
        levels: The number of values an integer entry takes; `None` for real numbers.
        ragged: Whether axis 0 varies from row to row, `shape[0]` being the longest. Padding is the value `levels`
            for integers and NaN for reals, and never counts as a dimension.

    Raises:
        ValueError: If a length or `levels` is not positive, or a scalar is called ragged.

    Example:
        >>> image = Space((1, 28, 28), levels=256)
        >>> image.dims, image.dtype
        (784, 'uint8')
        >>> round(image.bits_per_dim(-784 * math.log(256)), 6)
        8.0
    """

    shape: tuple[int, ...]
    levels: int | None = None
    ragged: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(int(length) for length in self.shape))
        if any(length < 1 for length in self.shape):
            raise ValueError(f"A space's shape must hold positive lengths, got {self.shape}. Drop the empty axis.")
        if self.levels is not None and self.levels < 1:
            raise ValueError(f"`levels` must be at least 1, got {self.levels}. Use None for real numbers.")
        if self.ragged and not self.shape:
            raise ValueError("A ragged space needs an axis that varies, got shape (). Give the longest length first.")

    @property
    def is_discrete(self) -> bool:
        """Whether x holds integers, so that `log_prob` is a probability mass."""
        return self.levels is not None

    @property
    def dims(self) -> int:
        """D, the number of entries of one x (of the longest x, if ragged)."""
        return math.prod(self.shape)

    @property
    def dtype(self) -> str:
        """The name of the torch dtype in which data of this space is kept."""
        if self.levels is None:
            return "float32"
        return "uint8" if self.levels <= 256 and not self.ragged else "int64"

    def bits_per_dim(self, log_prob: float) -> float:
        """Nats per row as bits per dimension, $-\\log p(x) / (D \\log 2)$."""
        return -log_prob / (self.dims * math.log(2))

    def to_json(self) -> dict[str, Any]:
        """The space as plain JSON."""
        return {"shape": list(self.shape), "levels": self.levels, "ragged": self.ragged}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> "Space":
        """The space that `to_json` wrote."""
        return cls(tuple(fields["shape"]), fields["levels"], fields["ragged"])

    def __str__(self) -> str:
        kind = "reals" if self.levels is None else f"integers in [0, {self.levels})"
        axes = "×".join(str(length) for length in self.shape) or "one"
        return f"{axes} {kind}{', ragged' if self.ragged else ''}"
