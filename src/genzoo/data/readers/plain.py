"""Tables without exceptions, read at once: a grid of cells without quotes, whose columns are numbers or words.

What is read here is what a look at every cell would give, to the bit and to the letter. Whatever is not plainly such a
grid is left to that look, which says what is wrong with it.
"""

import contextlib
import dataclasses
import functools
import re
import warnings
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from genzoo._files import memory, opened
from genzoo.data.cells import Cells, Coded, Numbers
from genzoo.data.columns import CELL, LONGEST, PEEKED, WIDEST, is_number, separator_of
from genzoo.data.readers.heads import headed

__all__ = ["Grid", "Plain", "coded", "plain_columns", "plain_grid"]

LOOKED_AT = 80  # lines: more than titles and what tells a header take
ENOUGH, MANY = 400, 100_000  # lines or cells; of fewer every cell is looked at
LARGEST, PIECE = 1 << 31, 1 << 18  # bytes, in all and looked at at a time
LEFT_OUT = ("stands above", "empty cells")  # notes on lines that are no rows


@dataclasses.dataclass(frozen=True, eq=False)
class Grid:
    """The lines of a file, each of as many cells.

    Attributes:
        content: The lines, each with its end.
        separator: What parts the cells of a line.
        lines: Where each line ends.
        width: How many cells a line has.
    """

    content: memoryview
    separator: bytes
    lines: np.ndarray
    width: int

    def __len__(self) -> int:
        return len(self.lines)

    def top(self, lines: int) -> list[list[str]]:
        """The cells of the first lines."""
        text = str(self.content[: int(self.lines[lines - 1])], "utf-8")
        return [line.split(self.separator.decode()) for line in text.split("\n")]

    def below(self, lines: int) -> "Grid":
        """The grid without its first lines."""
        if not lines:
            return self
        start = int(self.lines[lines - 1]) + 1
        return Grid(self.content[start:], self.separator, self.lines[lines:] - start, self.width)

    def is_even(self) -> bool:
        """Whether each line has as many cells as it should."""
        return np.array_equal(self._ends()[self.width - 1 :: self.width], self.lines)

    @functools.cached_property
    def cells(self) -> list[str]:
        """All cells, line by line."""
        content = bytes(self.content[:-1]).replace(b"\n", self.separator)
        return content.decode().split(self.separator.decode())

    def spelled(self, column: int) -> list[str]:
        """The cells of a column."""
        return self.cells[column :: self.width]

    def numbers(self, column: int, values: np.ndarray) -> Numbers:
        """A column that was parsed."""
        return Numbers(values, functools.partial(self.spelled, column), [cells[column] for cells in self._first])

    @functools.cached_property
    def _first(self) -> list[list[str]]:
        return self.top(min(LOOKED_AT, len(self)))

    def ids(self) -> set[int]:
        """The columns in which a cell begins with a zero and one more digit, as ids do."""
        starts = self._zeros()
        return set(np.unique(np.searchsorted(self._ends(), starts) % self.width).tolist()) if len(starts) else set()

    def _zeros(self) -> np.ndarray:
        """Where cells start that begin with a zero and one more digit; looked for in pieces that stay in the cache."""
        signs, sign, found = np.frombuffer(self.content, np.uint8), ord(self.separator), []
        for start in range(0, len(signs) - 2, PIECE):
            before, zero, digit = (signs[start + i : min(start + PIECE, len(signs) - 2) + i] for i in range(3))
            is_one = (
                (zero == ord("0")) & ((before == sign) | (before == ord("\n"))) & (digit - np.uint8(ord("0")) < 10)
            )
            found.append(np.flatnonzero(is_one) + start + 1)
        first = np.zeros(int(re.match(rb"0\d", self.content) is not None), dtype=np.int64)
        return np.concatenate([first, *found])

    def _ends(self) -> np.ndarray:
        """Where each cell ends, line by line."""
        signs = np.frombuffer(self.content, np.uint8)
        return np.flatnonzero((signs == ord(self.separator)) | (signs == ord("\n")))


class Plain(NamedTuple):
    """Columns by name, what was understood of the first lines, and the rows below them."""

    columns: dict[str, Cells]
    notes: tuple[str, ...]
    grid: Grid


def plain_columns(path: Path, header: bool | None, gone: Collection[str], decimal: str = ".") -> Plain | None:
    """The columns of a file, if it is a plain grid of them.

    Args:
        path: The file.
        header: Whether the first line names the columns; None: judge by its look.
        gone: The words that say that nothing is there.
        decimal: The decimal sign; numbers with another than a point stay words.
    """
    grid = plain_grid(path)
    if grid is None:
        return None
    looked_at = min(LOOKED_AT, len(grid))
    names, notes, _ = headed(path.name, grid.top(looked_at), header)
    if any(said in note for note in notes for said in LEFT_OUT):
        return None
    rows = grid.below(looked_at - len(next(iter(names.values()))))
    ids = rows.ids() if decimal == "." else set(range(grid.width))
    real = [
        place not in ids and all(is_number(cell) or cell.strip() in gone for cell in cells)
        for place, cells in enumerate(names.values())
    ]
    columns = _columns(rows, real, gone)
    if columns is None or _have_empty_lines(columns):
        return None
    return Plain(dict(zip(names, columns, strict=True)), notes, rows)


def plain_grid(path: Path) -> Grid | None:
    """The lines of a file, if they are many, none is empty and none is quoted."""
    with opened(path) as file:
        content = file.read(LARGEST + 1)
    content = content.removeprefix(b"\xef\xbb\xbf")
    content = content.replace(b"\r\n", b"\n") if b"\r" in content else content
    if not content.endswith(b"\n") or content.endswith(b"\n\n"):
        content = content.rstrip(b"\n") + b"\n"
    if len(content) > LARGEST or content.startswith(b"\n") or any(sign in content for sign in (b'"', b"\r", b"\0")):
        return None
    top = content[: min(len(content), PEEKED * LONGEST)].split(b"\n", PEEKED)[:PEEKED]
    try:
        sign = separator_of([line.decode() for line in top if line.strip()]).encode()
    except UnicodeDecodeError:
        return None
    if 0 < top[0].count(sign) == top[0].count(sign + b" "):
        content = _without_spaces(content, sign)
    return _grid(content, sign, top[0].count(sign) + 1)


def _without_spaces(content: bytes, sign: bytes) -> bytes:
    """The lines without the spaces at the start of cells."""
    content = content.lstrip(b" ")
    for before in (sign, b"\n"):
        while before + b" " in content:
            content = content.replace(before + b" ", before)
    return content


def _grid(content: bytes, sign: bytes, width: int) -> Grid | None:
    """The lines, if they are many and none is empty or long; that they have as many cells is not looked at."""
    signs = np.frombuffer(content, np.uint8)
    pieces = [signs[start : start + PIECE] for start in range(0, len(signs), PIECE)]
    lines = np.concatenate([np.flatnonzero(piece == ord("\n")) + k * PIECE for k, piece in enumerate(pieces)])
    if width > WIDEST or (len(lines) < ENOUGH and len(lines) * width < MANY) or len(lines) * width > memory() // CELL:
        return None
    lengths = np.diff(lines)
    return None if lengths.min() == 1 or lengths.max() > LONGEST else Grid(memoryview(content), sign, lines, width)


def _have_empty_lines(columns: Sequence[Cells]) -> bool:
    """Whether some line of several cells holds nothing in any."""
    empty = np.ones(len(columns[0]), dtype=bool)
    for cells in columns if len(columns) > 1 else ():
        if isinstance(cells, Coded):
            empty &= np.array([not word.strip() for word in cells.words])[cells.codes]
        elif isinstance(cells, Numbers):
            empty &= cells.gone
        if not empty.any():
            return False
    return len(columns) > 1


# Numbers and words ------------------------------------------------------------------------------------------------


def _columns(grid: Grid, real: Sequence[bool], gone: Collection[str]) -> list[Cells] | None:
    try:
        import pyarrow as pa
    except ImportError:
        return _numbers(grid) if all(real) and not any(map(is_number, gone)) else None
    with contextlib.suppress(pa.ArrowInvalid):
        return [_kept(grid, place, column) for place, column in enumerate(_parsed(grid, real, gone).columns)]
    with contextlib.suppress(pa.ArrowInvalid):  # a cell is no number: column by column
        words = _parsed(grid, [False] * len(real), gone).columns
        return [_number_like(grid, place, column, gone) if real[place] else coded(column)
                for place, column in enumerate(words)]  # fmt: skip
    return None


def _numbers(grid: Grid) -> list[Cells] | None:
    """The columns of a grid of numbers without gaps, by NumPy alone."""
    if not grid.is_even():
        return None
    text = bytes(grid.content[:-1]).replace(b"\n", grid.separator).decode("ascii", "replace")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            found = np.fromstring(text, sep=grid.separator.decode())
        except (DeprecationWarning, ValueError):  # it ends at what is no number
            return None
    if len(found) != len(grid) * grid.width or not np.isfinite(found).all():
        return None
    columns = found.reshape(-1, grid.width).T
    return [grid.numbers(place, np.ascontiguousarray(column)) for place, column in enumerate(columns)]


def _parsed(grid: Grid, real: Sequence[bool], gone: Collection[str]) -> Any:
    """The grid as a table of Arrow."""
    import pyarrow as pa
    from pyarrow import csv

    names = [str(place) for place in range(grid.width)]
    word = pa.dictionary(pa.int32(), pa.string())
    return csv.read_csv(
        pa.BufferReader(grid.content),
        csv.ReadOptions(column_names=names, block_size=1 << 22),
        csv.ParseOptions(delimiter=grid.separator.decode(), quote_char=False, double_quote=False, escape_char=False),
        csv.ConvertOptions(
            column_types={name: pa.float64() if is_real else word for name, is_real in zip(names, real, strict=True)},
            null_values=list(gone),
            strings_can_be_null=False,
        ),
    )


def _kept(grid: Grid, place: int, column: Any) -> Cells:
    """A column of Arrow as it was parsed; as words, if some are numbers without an end."""
    import pyarrow as pa

    if not pa.types.is_float64(column.type):
        return coded(column)
    values, gone = column.to_numpy(), column.is_null().to_numpy() if column.null_count else False
    if not (np.isfinite(values) | gone).all():
        raise pa.ArrowInvalid("a number has no end")
    return grid.numbers(place, values)


def _number_like(grid: Grid, place: int, words: Any, gone: Collection[str]) -> Cells:
    """A column of words as numbers, if it is one."""
    import pyarrow as pa
    from pyarrow import compute

    plain = words.cast(pa.string())
    lacks = compute.is_in(plain, pa.array(sorted(gone), pa.string()))
    try:
        numbers = compute.if_else(lacks, None, plain).cast(pa.float64())
        return _kept(grid, place, numbers)
    except pa.ArrowInvalid:
        return coded(words)


def coded(column: Any) -> Coded:
    """A column of Arrow as words; nothing is an empty one."""
    from pyarrow import types

    found = (column if types.is_dictionary(column.type) else column.dictionary_encode()).unify_dictionaries()
    found = found.combine_chunks()
    words, codes = found.dictionary.to_pylist(), found.indices.fill_null(len(found.dictionary)).to_numpy()
    if not found.null_count:
        return Coded(words, codes)
    if "" in words:
        return Coded(words, np.where(codes == len(words), words.index(""), codes))
    return Coded([*words, ""], codes)
