"""Tables and points as CSV."""

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float, Shaped
from PIL import Image
from torch import Tensor

from genzoo.core import Space
from genzoo.core.errors import DataError, nearest
from genzoo.data import picture
from genzoo.data.atoms import Grid, rounded
from genzoo.data.codec import Codec
from genzoo.data.columns import MISSING, cells_of, is_missing, numbers, read_columns, write_columns
from genzoo.data.dates import DateForm
from genzoo.data.forms import Form

__all__ = ["PointsCodec", "TableCodec"]


@dataclasses.dataclass(frozen=True)
class TableCodec(Codec):
    """Rows of numbers as CSV with a header; numbers read back bit for bit.

    A column of words is kept as the place of each word in a list: what a model draws is rounded to the nearest place,
    as it is to the nearest whole number in columns that held no others. A number that is missing (NaN) is an empty
    cell.

    Args:
        columns: The names of the columns, in the order of the entries of x.
        levels: As the space has it: integers below it, or `None` for reals.
        words: The words of the columns that hold words, by column.
        whole: The columns that hold whole numbers only.
        precise: Whether rows are float64.
        forms: How numbers or dates are written, of columns in which that is not plain.
        places: The digits after the point of columns of reals in which no number has more; others are written in full.
        types: The types of the columns of the file of Parquet that they come from.
        grids: On what grid other columns of reals lie: what was rounded, and then brought to other units.
        padded: The digits after the point of columns in which every number is written with so many, as 44.80 is.

    Raises:
        DataError: If a column of words has none.

    Example:
        >>> codec = TableCodec(("age", "kind"), words={"kind": ["red", "white"]}, whole=("age",))
        >>> codec.cells(torch.tensor([[38.6, 1.2], [20.0, -3.0]]))
        {'age': ['39', '20'], 'kind': ['white', 'red']}
    """

    kind: ClassVar[str] = "table"
    suffix: ClassVar[str] = ".csv"
    columns: tuple[str, ...]
    levels: int | None = None
    words: Mapping[str, Sequence[str]] = dataclasses.field(default_factory=dict)
    whole: tuple[str, ...] = ()
    precise: bool = False
    forms: Mapping[str, Form | DateForm] = dataclasses.field(default_factory=dict)
    places: Mapping[str, int] = dataclasses.field(default_factory=dict)
    types: Mapping[str, str] = dataclasses.field(default_factory=dict)
    grids: Mapping[str, Grid] = dataclasses.field(default_factory=dict)
    padded: Mapping[str, int] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if bare := [name for name, words in self.words.items() if not words]:
            raise DataError(
                f"Column {bare[0]!r} must have some words to be written in, got none. Leave it out of them."
            )

    def cells(self, x: Shaped[Tensor, "n D"]) -> dict[str, list[str]]:
        """The cells of each column."""
        columns = zip(self.columns, x.detach().cpu().T.contiguous(), strict=True)  # each in one piece of memory
        return {name: self._spelled(name, column) for name, column in columns}

    def written(self, x: Shaped[Tensor, "n D"]) -> Shaped[Tensor, "n D"]:
        if not x.is_floating_point():
            return x
        return torch.stack([self._rounded(*pair) for pair in zip(self.columns, x.unbind(1), strict=True)], dim=1)

    def save_parts(self, parts: Iterable[Shaped[Tensor, "_ D"]], n: int, path: str | Path) -> Path:
        return write_columns(path, map(self.cells, parts))

    def load(self, path: str | Path) -> Shaped[Tensor, "n D"]:
        columns = _columns(self.columns, path)
        gone = MISSING if self.levels is None else ()
        x = torch.stack([self._read(name, cells, gone) for name, cells in columns.items()], dim=1)
        if self.levels is None:
            return x if self.precise else x.float()
        return x.to(getattr(torch, Space((1,), self.levels).dtype))

    def holed(self, columns: Mapping[str, Sequence[str]]) -> Float[Tensor, "n D"]:
        """Rows of cells of which some are empty, NaN; levels are numbers, too.

        Args:
            columns: The cells of each column.

        Raises:
            DataError: If a cell is no number, or no word, of its column.
        """
        parts = [self._read(name, columns[name], ("",)) for name in self.columns]
        return torch.stack([part.double() if self.precise else part.float() for part in parts], dim=1)

    def _spelled(self, name: str, column: Tensor) -> list[str]:
        column = self._rounded(name, column)
        if name not in self.words:
            plain = _padded(cells_of(column.numpy()), self.padded.get(name))
            return [self.forms[name].spelled(cell) for cell in plain] if name in self.forms else plain
        words = np.array([*self.words[name], ""], dtype=object)
        places = column.double().nan_to_num(-1.0).clamp_max(len(words) - 2).long()
        return words[places.numpy()].tolist()  # the last where it is missing

    def _rounded(self, name: str, column: Tensor) -> Tensor:
        """A column as it is written: words at their places, numbers with no more digits than the data have."""
        if not column.is_floating_point():
            return column
        if name in self.words:
            return column.round().clamp(0, len(self.words[name]) - 1)
        if name in self.grids:
            return torch.from_numpy(self.grids[name].nearest(column.detach().cpu().numpy())).to(column.device)
        places = 0 if name in self.whole else self.places.get(name)
        return column if places is None else _with_places(column, places)

    def _read(self, name: str, cells: Sequence[str], gone: Collection[str]) -> Float[Tensor, " n"]:
        if name in self.forms:
            cells = [self.forms[name].plain(cell) for cell in cells]
        if name not in self.words:
            return numbers(name, cells, missing=gone, precise=self.precise)
        place = {word: float(k) for k, word in enumerate(self.words[name])}
        if unknown := sorted({cell for cell in cells if not is_missing(cell)} - set(place)):
            help_ = nearest(unknown[0], place)
            raise DataError(
                f"Column {name!r} must hold words that are known, got {unknown[0]!r}. {help_} "
                "In a command, --unseen missing takes it for missing."
            )
        values = [place.get(cell, torch.nan) for cell in cells]
        return torch.tensor(values, dtype=torch.float64 if self.precise else torch.float32)


@dataclasses.dataclass(frozen=True)
class PointsCodec(Codec):
    """Points of the plane as CSV, and as a scatter in a fixed frame so that pictures compare.

    Args:
        columns: The names of the two axes.
        low: The least value of each axis in the frame.
        high: The greatest.
        places: As of `TableCodec`.
        padded: As well.
    """

    kind: ClassVar[str] = "points"
    suffix: ClassVar[str] = ".csv"
    columns: tuple[str, str] = ("x", "y")
    low: tuple[float, float] = (-1.0, -1.0)
    high: tuple[float, float] = (1.0, 1.0)
    places: Mapping[str, int] = dataclasses.field(default_factory=dict)
    padded: Mapping[str, int] = dataclasses.field(default_factory=dict)

    @classmethod
    def around(
        cls,
        x: Float[Tensor, "n 2"],
        columns: Sequence[str] = ("x", "y"),
        places: Mapping[str, int] | None = None,
        padded: Mapping[str, int] | None = None,
    ) -> "PointsCodec":
        """The codec whose frame holds these points with a margin of a twentieth."""
        low, high = (x.min(0).values, x.max(0).values) if len(x) else (torch.zeros(2), torch.ones(2))
        margin = 0.05 * (high - low).clamp_min(1e-6)
        return cls((columns[0], columns[1]), _corner(low - margin), _corner(high + margin), places or {}, padded or {})

    def written(self, x: Float[Tensor, "n 2"]) -> Float[Tensor, "n 2"]:
        columns = zip(self.columns, x.unbind(1), strict=True)
        return torch.stack(
            [_with_places(part, self.places[name]) if name in self.places else part for name, part in columns], dim=1
        )

    def cells(self, x: Float[Tensor, "n 2"]) -> dict[str, list[str]]:
        """The cells of each column."""
        columns = zip(self.columns, self.written(x).detach().cpu().unbind(1), strict=True)
        return {name: _padded(cells_of(column.numpy()), self.padded.get(name)) for name, column in columns}

    def holed(self, columns: Mapping[str, Sequence[str]]) -> Float[Tensor, "n 2"]:
        """Points of cells of which some are empty, NaN.

        Args:
            columns: The cells of each axis.
        """
        return torch.stack([numbers(name, columns[name], missing=("",)) for name in self.columns], dim=1)

    def save_parts(self, parts: Iterable[Float[Tensor, "_ 2"]], n: int, path: str | Path) -> Path:
        return write_columns(path, map(self.cells, parts))

    def load(self, path: str | Path) -> Float[Tensor, "n 2"]:
        return torch.stack([numbers(name, cells) for name, cells in _columns(self.columns, path).items()], dim=1)

    def picture(self, x: Float[Tensor, "n 2"]) -> Image.Image | None:
        return picture.scatter(x.detach().cpu(), self.low, self.high)


def _with_places(column: Float[Tensor, " n"], places: int) -> Float[Tensor, " n"]:
    return torch.from_numpy(rounded(column.detach().cpu().numpy(), places)).to(column.device)


def _padded(cells: list[str], places: int | None) -> list[str]:
    """Plain numbers with so many digits after the point; those in powers of ten, and empty cells, stay."""
    if places is None:
        return cells
    return [cell if not cell or "e" in cell or "n" in cell else f"{float(cell):.{places}f}" for cell in cells]


def _corner(values: Float[Tensor, " 2"]) -> tuple[float, float]:
    return round(float(values[0]), 4), round(float(values[1]), 4)


def _columns(names: Sequence[str], path: str | Path) -> dict[str, list[str]]:
    columns = read_columns(path, header=True)
    if missing := [name for name in names if name not in columns]:
        help_ = nearest(missing[0], columns)
        raise DataError(f"{Path(path).name} must have columns {list(names)}, got no {missing[0]!r}. {help_}")
    return {name: columns[name] for name in names}
