"""What turns rows into bytes and back."""

import abc
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor

from genzoo.core.errors import DataError
from genzoo.core.given import Given

__all__ = ["Packed", "Road", "coder", "surprises", "words_of"]

BITS = 24  # of the entropy coder's probabilities: a symbol without mass is charged so many


class Packed(NamedTuple):
    """Rows as bytes.

    Attributes:
        words: What the entropy coder wrote.
        doubts: Which way numbers were rounded that might as well have gone the other way.
        nats: What the model says that it takes, −log p, of symbols that it gives mass.
        charged: How many symbols have no mass under the model; each costs 24 bits.
    """

    words: bytes
    doubts: bytes
    nats: float = 0.0
    charged: int = 0


class Road(abc.ABC):
    """A way from rows to bytes and back, by a model in double precision.

    Attributes:
        name: What it is called in a file.
        is_exact: Whether the rows come back as they were.
        rows: How many rows are packed together.
    """

    name: str
    is_exact: bool = True
    rows: int

    @abc.abstractmethod
    def pack(self, x: Shaped[Tensor, "n *event"], given: Given) -> Packed:
        """Some rows as bytes."""

    @abc.abstractmethod
    def unpack(self, words: bytes, doubts: bytes, n: int, given: Given) -> Shaped[Tensor, "n *event"]:
        """The rows that these bytes are.

        Raises:
            DataError: If they are none.
        """


def coder() -> Any:
    """The library of entropy coders.

    Raises:
        ImportError: If it is not installed; the message says how to install it.

    References:
        Bamler, 2022, "Understanding entropy coding with asymmetric numeral systems (ANS): a statistician's
        perspective", arXiv:2201.01741 (constriction)
    """
    try:
        import constriction
    except ImportError as error:
        raise ImportError(
            "Compression needs constriction, which is not installed. Install it with: pip install 'genzoo[compress]'"
        ) from error
    return constriction.stream


def words_of(content: bytes) -> np.ndarray:
    """The 32-bit words of bytes.

    Raises:
        DataError: If there is a part of one.
    """
    if len(content) % 4:
        raise DataError("An entropy coder writes whole words of 4 bytes, got a part of one. Fetch the file again.")
    return np.frombuffer(content, dtype="<u4").astype(np.uint32)


def surprises(logits: Tensor) -> np.ndarray:
    """−log p of every symbol in double precision, ∞ for those without mass."""
    log_p = logits.detach().to(torch.float64).log_softmax(-1)
    return -log_p.cpu().numpy()
