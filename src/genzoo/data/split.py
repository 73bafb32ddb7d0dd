"""Splits: which rows train, validate and test.

The source's own splits are kept. Where it has none, a row's split is a function of its content alone,

$$ u = \\mathrm{hash}(row) / 2^{64} \\in [0, 1), \\qquad u < 0.8: train, \\quad u < 0.9: valid, \\quad else: test, $$

so that rows added later move none of those that were there, and identical rows never stand on both sides of a split.
One long text has no rows: its last tenth is held out.
"""

import hashlib
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from genzoo.core.errors import DataError

__all__ = ["SPLITS", "SPLIT_WORDS", "by_content", "complete", "content_uniform", "content_words", "tail"]

PIECE = 1 << 22  # bytes hashed at a time
SPLITS = ("train", "valid", "test")
SPLIT_WORDS = {
    "train": "train",
    "valid": "valid",
    "val": "valid",
    "validation": "valid",
    "test": "test",
    "t10k": "test",
}
Splits = dict[str, Tensor]


def content_uniform(
    rows: Shaped[Tensor, "n *shape"], purpose: str = "split", numbers: Int[Tensor, " k"] | None = None
) -> Float[Tensor, " any"]:
    """One number in [0, 1) per row, a hash of the row's bytes alone.

    Args:
        rows: The rows; some at a time are looked at, so that they need not fit in memory.
        purpose: Up to 16 bytes that make hashes for different purposes independent.
        numbers: Which rows; None for all.

    Example:
        >>> u = content_uniform(torch.tensor([[1, 2], [3, 4], [1, 2]]))
        >>> bool(u[0] == u[2]), bool(u[0] == u[1])
        (True, False)
    """
    n, width = len(rows) if numbers is None else len(numbers), math.prod(rows.shape[1:])
    step = max(1, PIECE // max(1, width * rows.element_size()))
    words = [torch.zeros(0, dtype=torch.int64)]
    for start in range(0, n, step):
        part = rows[start : start + step] if numbers is None else rows[numbers[start : start + step]]
        words.append(content_words(np.ascontiguousarray(part.reshape(len(part), width).numpy()), purpose))
    return (torch.cat(words) >> 11).double() * 2.0**-53 + 0.5


def content_words(rows: Iterable[Any], purpose: str = "split") -> Int[Tensor, " n"]:
    """A hash of 64 bits of each of several strings of bytes."""
    person = purpose.encode()
    words = [int.from_bytes(hashlib.blake2b(row, digest_size=8, person=person).digest(), signed=True) for row in rows]
    return torch.tensor(words, dtype=torch.int64)


def by_content(rows: Shaped[Tensor, "n *shape"], *, train: float = 0.8, valid: float = 0.1) -> Splits:
    """Splits by a hash of each row's content.

    Args:
        rows: What is hashed, one row per row of data.
        train: The share that trains.
        valid: The share that validates; the rest tests.

    Example:
        >>> {name: len(index) for name, index in by_content(torch.arange(1000)).items()}
        {'train': 794, 'valid': 100, 'test': 106}
    """
    u = content_uniform(rows)
    chosen = {"train": u < train, "valid": (u >= train) & (u < train + valid), "test": u >= train + valid}
    return {name: mask.nonzero().flatten() for name, mask in chosen.items()}


def complete(own: Mapping[str, Int[Tensor, " k"]], rows: Shaped[Tensor, "n *shape"]) -> Splits:
    """The source's own splits, further ones last; a missing one is a tenth of its training rows, chosen by content.

    Args:
        own: Row numbers by split name; none at all means a split by content.
        rows: What is hashed, one row per row of data.

    Raises:
        DataError: If there are splits of its own, but none that trains.

    Example:
        >>> splits = complete({"train": torch.arange(900), "test": torch.arange(900, 1000)}, torch.arange(1000))
        >>> {name: len(index) for name, index in splits.items()}
        {'train': 803, 'valid': 97, 'test': 100}
    """
    if not own:
        return by_content(rows)
    if "train" not in own:
        raise DataError(f"A source with splits of its own must have 'train', got {sorted(own)}. Add its rows.")
    splits = dict(own)
    for name in ("valid", "test"):
        if name not in splits:
            train = splits["train"]
            held_out = content_uniform(rows, name, train) < 0.1
            splits |= {"train": train[~held_out], name: train[held_out]}
    return {name: splits[name] for name in (*SPLITS, *sorted(set(splits) - set(SPLITS)))}


def tail(n: int) -> Splits:
    """Splits of n consecutive stretches of one text: the last tenth is held out, half to validate and half to test.

    Example:
        >>> {name: len(index) for name, index in tail(100).items()}
        {'train': 90, 'valid': 5, 'test': 5}
    """
    held_out = -(-n // 10)
    first, second = n - held_out, n - held_out // 2
    index = torch.arange(n)
    return {"train": index[:first], "valid": index[first:second], "test": index[second:]}
