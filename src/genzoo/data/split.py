"""Splits: which rows train, validate and test.

The source's own splits are kept. Where it has none, a row's split is a function of its content alone,

$$ u = \\mathrm{hash}(row) / 2^{64} \\in [0, 1), \\qquad u < 0.8: train, \\quad u < 0.9: valid, \\quad else: test, $$

so that rows added later move none of those that were there, and a row that comes twice does not stand on both sides of
a split (`contents.py` makes the numbers u of tables). Where few different rows make up most of the data, as in a
table of yes and no, that would tear their law apart: all copies of a combination would be in one split. There the
copies of a row are spread, the k-th at $u + k \\varphi$ modulo 1, φ being the golden ratio, so that each split has
nearly the same law. Of fewer than 100 rows a fifth validates and a fifth tests, by the order of u where a split would
have hardly any. Rows that belong together share the u of their group. One long text has no rows: its last tenth is
held out.
"""

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from genzoo.core.errors import DataError

__all__ = [
    "SPLITS",
    "SPLIT_WORDS",
    "Chosen",
    "by_content",
    "choose",
    "complete",
    "content_uniform",
    "content_words",
    "renumbered",
    "tail",
]

FEW = 100  # rows of which a fifth validates, and a fifth tests
HEAVY = 0.005  # the sum of squared shares of repeated rows from which their copies are spread
GOLDEN = (5**0.5 - 1) / 2
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
Uniform = Callable[[Tensor, str, Tensor | None], Tensor]


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
    empty, digests = hashlib.blake2b(digest_size=8, person=purpose.encode()), []
    for row in rows:
        one = empty.copy()  # half the cost of a new one
        one.update(row)
        digests.append(one.digest())
    return torch.from_numpy(np.frombuffer(b"".join(digests), ">i8").astype(np.int64))


class Chosen(NamedTuple):
    """Splits, and what was decided in making them, one sentence each.

    Attributes:
        splits: Row numbers by split.
        notes: What is not as usual.
    """

    splits: Splits
    notes: tuple[str, ...] = ()


def by_content(
    rows: Shaped[Tensor, "n *shape"], *, grouped: bool = False, uniform: Uniform = content_uniform
) -> Chosen:
    """Splits by a hash of each row's content: eight tenths train, one validates, one tests.

    Args:
        rows: What is hashed, one row per row of data.
        grouped: Whether rows of one content are a group that stays together.
        uniform: A number in [0, 1) of each row, for a purpose, of all or some.

    Example:
        >>> {name: len(index) for name, index in by_content(torch.arange(1000)).splits.items()}
        {'train': 794, 'valid': 100, 'test': 106}
    """
    u, notes = _spread(uniform(rows, "split", None), grouped)
    few = len(u.unique() if grouped else u)
    if few >= FEW:
        return Chosen(_cut(u, 0.8, 0.9), notes)
    splits = _cut(u, 0.6, 0.8)
    if min(map(len, splits.values())) <= len(u) // 20:  # chance left one with hardly a row
        splits = _cut(_ranks(u), 0.6, 0.8)
    told = f"{few} {'groups' if grouped else 'rows'} are few, so a fifth validates and a fifth tests"
    return Chosen(splits, (*notes, told) if few >= 5 else notes)


def _cut(u: Float[Tensor, " n"], train: float, valid: float) -> Splits:
    chosen = {"train": u < train, "valid": (u >= train) & (u < valid), "test": u >= valid}
    return {name: mask.nonzero().flatten() for name, mask in chosen.items()}


def choose(
    own: Mapping[str, Int[Tensor, " k"]],
    rows: Shaped[Tensor, "n *shape"],
    *,
    grouped: bool = False,
    uniform: Uniform = content_uniform,
) -> Chosen:
    """The source's own splits, further ones last; a missing one is a tenth of its training rows, chosen by content.

    Args:
        own: Row numbers by split name; none at all means a split by content.
        rows: What is hashed, one row per row of data.
        grouped: Whether rows of one content are a group that stays together.
        uniform: A number in [0, 1) of each row, for a purpose, of all or some.

    Raises:
        DataError: If there are splits of its own, but none that trains.

    Example:
        >>> found = choose({"train": torch.arange(900), "test": torch.arange(900, 1000)}, torch.arange(1000))
        >>> {name: len(index) for name, index in found.splits.items()}
        {'train': 803, 'valid': 97, 'test': 100}
    """
    if not own:
        return by_content(rows, grouped=grouped, uniform=uniform)
    if "train" not in own:
        raise DataError(f"A source with splits of its own must have 'train', got {sorted(own)}. Add its rows.")
    splits, notes = dict(own), tuple[str, ...]()
    for name in ("valid", "test"):
        if name not in splits:
            train = splits["train"]
            u, notes = _spread(uniform(rows, name, train), grouped)
            held_out = _ranks(u) < 0.2 if len(u) < FEW else u < 0.1
            splits |= {"train": train[~held_out], name: train[held_out]}
    return Chosen({name: splits[name] for name in (*SPLITS, *sorted(set(splits) - set(SPLITS)))}, notes)


def complete(own: Mapping[str, Int[Tensor, " k"]], rows: Shaped[Tensor, "n *shape"]) -> Splits:
    """The splits of `choose`.

    Args:
        own: Row numbers by split name; none at all means a split by content.
        rows: What is hashed, one row per row of data.
    """
    return choose(own, rows).splits


def renumbered(splits: Mapping[str, Int[Tensor, " k"]], kept: Int[Tensor, " m"], n: int) -> Splits:
    """Splits by the places of the rows that are kept; one of which nothing is left is gone.

    Args:
        splits: Row numbers by split name.
        kept: The numbers of the rows that are kept.
        n: How many rows there were.

    Example:
        >>> renumbered({"train": torch.tensor([0, 1]), "test": torch.tensor([2])}, torch.tensor([1, 2]), 3)
        {'train': tensor([0]), 'test': tensor([1])}
    """
    place = torch.full((n,), -1)
    place[kept] = torch.arange(len(kept))
    return {split: rows[rows >= 0] for split, index in splits.items() if bool((rows := place[index]).ge(0).any())}


def _spread(u: Float[Tensor, " n"], grouped: bool) -> tuple[Float[Tensor, " n"], tuple[str, ...]]:
    """The numbers of rows, the copies of one apart where few different rows make up most of the data."""
    if grouped or not len(u) or not (np.diff(np.sort(u.numpy())) == 0).any():
        return u, ()
    different, place, counts = u.unique(return_inverse=True, return_counts=True)
    if (counts[counts > 1].double() / len(u)).square().sum() <= HEAVY:
        return u, ()
    order = place.argsort(stable=True)
    copy = torch.empty_like(place)
    copy[order] = torch.arange(len(u)) - (counts.cumsum(0) - counts)[place[order]]
    note = (
        f"rows repeat ({len(different):,} different among {len(u):,}), so copies of a row are spread over the splits"
    )
    return (u + copy * GOLDEN) % 1, (note,)


def _ranks(u: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """Where each number stands among the different ones, in [0, 1); the least is 0, so that one row trains."""
    different, place = u.unique(return_inverse=True)
    return place / len(different)


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
