"""Data: rows of a space, what they are conditioned on, and their splits.

Rows are tensors, kept in the space's own dtype (bytes stay uint8) and gathered by index: a batch costs one
`index_select`. What is too large for memory is a tensor too, on a file that is mapped: nothing here reads more of it
at a time than a batch. Which rows stand in a batch is the engine's business; what a row looks like is the view's.
"""

import dataclasses
import functools
import hashlib
from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Int, Shaped
from torch import Tensor

from genzoo.core import GivenLike, GivenSpaceLike, Noise, Space
from genzoo.core.errors import DataError, nearest
from genzoo.data.codec import Codec
from genzoo.data.view import View

__all__ = ["Data", "Rows"]

PIECE = 1 << 22  # bytes hashed at a time


@dataclasses.dataclass(frozen=True, eq=False)
class Rows:
    """Some rows of a data set: what one trains, validates or tests on.

    Attributes:
        all_x: Every row of the data set.
        all_given: The condition of every row.
        numbers: Which rows these are.
        space: What one x is.
        given_space: What the condition is.
        view: How the rows are seen, where that changes from epoch to epoch.
        given_numbers: Which rows of the condition there are, where they are not paired with x: in every epoch they
            come in an order of their own.

    Example:
        >>> rows = Rows(torch.arange(10.0).reshape(5, 2), None, torch.tensor([1, 4]), Space((2,)))
        >>> len(rows), rows.gather(torch.tensor([1]))[0].tolist()
        (2, [[8.0, 9.0]])
    """

    all_x: Shaped[Tensor, "n *shape"] = dataclasses.field(repr=False)
    all_given: GivenLike = dataclasses.field(repr=False)
    numbers: Int[Tensor, " k"] = dataclasses.field(repr=False)
    space: Space
    given_space: GivenSpaceLike = None
    view: View | None = None
    given_numbers: Int[Tensor, " m"] | None = dataclasses.field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.numbers)

    def gather(self, index: Int[Tensor, " b"], *, seed: int = 0, epoch: int = 0) -> tuple[Tensor, GivenLike]:
        """Rows by their places among these, and their conditions.

        Args:
            index: Places in [0, len(self)).
            seed: The seed of a drawn view.
            epoch: The epoch of a drawn view.
        """
        # index_select: on bytes it costs an eighth of x[index].
        numbers = self.numbers.index_select(0, index)
        x = self.all_x.index_select(0, numbers) if self.view is None else self.view.rows(numbers, seed, epoch)
        return _as_space(x, self.space), self._given(self._partners(index, seed, epoch), seed, epoch)

    def head(self, n: int) -> tuple[Tensor, GivenLike]:
        """The first n rows and their conditions, or all where there are fewer."""
        return self.gather(torch.arange(min(n, len(self))))

    @property
    def x(self) -> Shaped[Tensor, "k *shape"]:
        """All the rows, those of a drawn view drawn once. A copy, in memory: of large data take `gather` or `head`."""
        return _as_space(self.all_x.index_select(0, self.numbers), self.space)

    @property
    def given(self) -> GivenLike:
        """The condition of every row; a copy, in memory."""
        return self._given(self._partners(torch.arange(len(self)), 0, 0), 0, 0)

    @functools.cached_property
    def fingerprint(self) -> str:
        """A short hash of the rows, their conditions and their view: equal for equal protocols."""
        seen = "" if self.view is None else self.view.name
        x = _Selected(self.all_x, self.numbers)
        partners = self.numbers if self.given_numbers is None else self.given_numbers
        given = {name: _Selected(rows, partners) for name, rows in _named(self.all_given).items()}
        mode = () if self.given_numbers is None else ("unpaired",)
        return fingerprint(self.space, self.given_space, seen, *mode, x, given.get("", given or None))

    def _partners(self, index: Tensor, seed: int, epoch: int) -> Tensor:
        """The rows of the condition that go with places among these."""
        if self.given_numbers is None:
            return self.numbers.index_select(0, index)
        n = len(self.given_numbers)
        return self.given_numbers[_order(n, seed, epoch)[index % n]]

    def _given(self, numbers: Tensor, seed: int, epoch: int) -> GivenLike:
        if self.all_given is None:
            return None
        named = {name: rows.index_select(0, numbers) for name, rows in _named(self.all_given).items()}
        if self.view is not None:
            named = {name: self.view.beside(name, rows, numbers, seed, epoch) for name, rows in named.items()}
        given = named if isinstance(self.all_given, Mapping) else named[""]
        if isinstance(given, Mapping) and isinstance(self.given_space, Mapping):
            return {name: _as_space(rows, self.given_space[name]) for name, rows in given.items()}
        if isinstance(given, Tensor) and isinstance(self.given_space, Space):
            return _as_space(given, self.given_space)
        return given


@dataclasses.dataclass(frozen=True, eq=False)
class Data:
    """A data set: rows of a space with conditions, splits and the way back to files.

    Attributes:
        name: What it is called.
        space: What one x is.
        x: Every row, in the space's dtype (integers that the space keeps in 64 bits in as few as they need, and
            widened when gathered); where the view draws, drawn once.
        splits: Row numbers for "train", "valid" and "test".
        codec: From elements of the space to files and back.
        given: The condition of every row.
        given_space: What the condition is.
        classes: The names of label values, by condition; under "" where `given` is a single tensor.
        view: How training rows are seen, where that changes from epoch to epoch.
        given_codecs: The codecs of conditions that are more than numbers, by condition as `classes`.
        notes: What was decided or dropped in reading, one sentence each.
        given_splits: The splits of the condition, where its rows are not paired with those of x.
        skipped: What could not be read and was left out, each with the reason.
        origin: The arguments of `read` that give these data again, where they came from a name or a path.
        numbers: Which rows of the source these are, from 0 on, where some were left out; None: all, in order.

    Raises:
        DataError: If the rows do not fit the space, or the conditions the rows.

    Example:
        >>> from genzoo.data import read
        >>> digits = read("digits", given="label")
        >>> digits.space, len(digits.train) + len(digits.valid) + len(digits.test)
        (Space(shape=(1, 8, 8), levels=17, ragged=False), 1797)
        >>> x, label = digits.train.gather(torch.arange(3))
        >>> x.shape, label
        (torch.Size([3, 1, 8, 8]), tensor([0, 1, 2]))
    """

    name: str
    space: Space
    x: Shaped[Tensor, "n *shape"] = dataclasses.field(repr=False)
    splits: Mapping[str, Int[Tensor, " k"]] = dataclasses.field(repr=False)
    codec: Codec = dataclasses.field(repr=False)
    given: GivenLike = dataclasses.field(default=None, repr=False)
    given_space: GivenSpaceLike = None
    classes: Mapping[str, list[str]] = dataclasses.field(default_factory=dict, repr=False)
    view: View | None = None
    given_codecs: Mapping[str, Codec] = dataclasses.field(default_factory=dict, repr=False)
    notes: tuple[str, ...] = dataclasses.field(default=(), repr=False)
    given_splits: Mapping[str, Int[Tensor, " m"]] | None = dataclasses.field(default=None, repr=False)
    skipped: tuple[str, ...] = dataclasses.field(default=(), repr=False)
    origin: Mapping[str, Any] | None = dataclasses.field(default=None, repr=False)
    numbers: Int[Tensor, " n"] | None = dataclasses.field(default=None, repr=False)

    def __post_init__(self) -> None:
        _check_rows("x", self.x, self.space, len(self.x))
        partners = next(iter(_named(self.given).values()), self.x)
        n = len(self.x if self.paired else partners)
        for name, rows in _named(self.given).items():
            space = self.given_space[name] if isinstance(self.given_space, Mapping) else self.given_space
            if space is None:
                raise DataError(
                    f"Data with a condition must say its space, got None for {name!r}. Pass `given_space`."
                )
            _check_rows(f"given {name!r}".replace(" ''", ""), rows, space, n)

    def __len__(self) -> int:
        return len(self.x)

    @property
    def paired(self) -> bool:
        """Whether a row of x and a row of the condition belong together."""
        return self.given_splits is None

    @property
    def train(self) -> Rows:
        """The rows that train."""
        return self.split("train")

    @property
    def valid(self) -> Rows:
        """The rows that choose: early stopping, the best checkpoint."""
        return self.split("valid")

    @property
    def test(self) -> Rows:
        """The rows that are looked at last."""
        return self.split("test")

    def rows(self) -> Rows:
        """Every row, in order, whatever its split; a drawn view is not drawn."""
        partners = None if self.paired else torch.arange(len(next(iter(_named(self.given).values()))))
        everything = torch.arange(len(self))
        return Rows(self.x, self.given, everything, self.space, self.given_space, None, partners)

    def split(self, name: str) -> Rows:
        """The rows of a split.

        Raises:
            DataError: If there is no split of that name.
        """
        if name not in self.splits:
            raise DataError(
                f"A split must be one of {sorted(self.splits)}, got {name!r}. {nearest(name, self.splits)}"
            )
        view = self.view if name == "train" else None
        partners = None if self.given_splits is None else self.given_splits[name]
        return Rows(self.x, self.given, self.splits[name], self.space, self.given_space, view, partners)

    @functools.cached_property
    def fingerprint(self) -> str:
        """A short hash of contents, conditions, splits and view."""
        seen = "" if self.view is None else self.view.name
        partners = () if self.given_splits is None else ("unpaired", *self.given_splits.values())
        parts = (self.space, self.given_space, seen, self.x, self.given, *self.splits.values(), *partners)
        return fingerprint(*parts)


def fingerprint(*parts: object) -> str:
    """Twelve hexadecimal digits over spaces, tensors, mappings of them, and words.

    Example:
        >>> fingerprint(Space((2,)), torch.zeros(3, 2)) == fingerprint(Space((2,)), torch.ones(3, 2))
        False
    """
    digest = hashlib.blake2b(digest_size=6)
    for part in parts:
        _feed(digest, part)
    return digest.hexdigest()


@dataclasses.dataclass(frozen=True)
class _Selected:
    """Some rows of a tensor, to be hashed as if they were one of their own."""

    rows: Tensor
    numbers: Tensor


def _feed(digest: Any, part: object) -> None:
    if isinstance(part, Tensor):
        part = _Selected(part, torch.arange(len(part))) if part.ndim else _Selected(part[None], torch.zeros(1).long())
    if isinstance(part, _Selected):
        rows, numbers = part.rows.detach(), part.numbers
        digest.update(f"{rows.dtype}{(len(numbers), *rows.shape[1:])}".encode())
        for some in numbers.split(max(1, PIECE // max(1, rows[:1].nbytes))):
            digest.update(rows.index_select(0, some.to(rows.device)).cpu().numpy())
    elif isinstance(part, Mapping):
        for name in sorted(part):
            _feed(digest, name)
            _feed(digest, part[name])
    elif isinstance(part, Space) and part.columns is not None:
        digest.update(f"\0{part.columns}\0".encode())
    else:
        digest.update(f"\0{part}\0".encode())


@functools.lru_cache(maxsize=4)
def _order(n: int, seed: int, epoch: int) -> Tensor:
    return Noise(seed, "unpaired", epoch).permutation(n)


def _as_space(rows: Tensor, space: Space) -> Tensor:
    """Rows of integers that were kept in fewer bytes than their space has, in its dtype."""
    return rows.to(torch.int64) if space.is_discrete and space.dtype == "int64" else rows


def _named(given: GivenLike) -> Mapping[str, Tensor]:
    return {"": given} if isinstance(given, Tensor) else given or {}


def _check_rows(name: str, rows: Tensor, space: Space, n: int) -> None:
    if len(rows) != n:
        raise DataError(f"`{name}` must have one row per row of x: expected {n}, got {len(rows)}. Match the rows.")
    if tuple(rows.shape[1:]) != space.shape:
        raise DataError(f"Rows of `{name}` must have shape {space.shape}, got {tuple(rows.shape[1:])}. Reshape them.")
    if rows.is_floating_point() == space.is_discrete:
        raise DataError(f"`{name}` must hold {space}, got {rows.dtype}. Convert it, or change the space.")
    if space.levels is not None and n and not (space.levels == 256 and rows.dtype == torch.uint8):
        low, high = int(rows.min()), int(rows.max())
        # The value `levels` is the padding of ragged rows; a condition may be null, which is −1.
        if high > space.levels - (not space.ragged) or low < (0 if name == "x" else -1):
            raise DataError(f"`{name}` must lie in [0, {space.levels}), got [{low}, {high}]. Set the right `levels`.")
