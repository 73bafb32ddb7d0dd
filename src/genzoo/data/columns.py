"""CSV: named columns of text, and numbers that survive the trip.

A float32 is written with the fewest digits that read back to the same bits: numbers round trip exactly, and 0.1 stays
"0.1".
"""

import codecs
import contextlib
import csv
import io
import itertools
import re
import zlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from genzoo._files import memory, opened, told
from genzoo.core.errors import DataError
from genzoo.data.cells import Numbers, looked_up

__all__ = [
    "CELL", "LINE", "LONGEST", "MISSING", "PEEKED", "WIDEST", "Record", "are_alike", "are_whole", "cells_of",
    "encoding_of", "has_header", "is_date", "is_missing", "is_number", "looks_like_a_number", "looks_like_table",
    "missing_of", "named", "numbers", "parse_lines", "read_columns", "read_lines", "read_records", "separator_of",
    "write_columns",
]  # fmt: skip

WIDEST = 10_000  # columns
LONGEST = 1 << 20  # characters of a cell
LINE = 1 << 24  # characters of a line
CELL = 128  # bytes that a cell takes while a table is read
SHARED = 1 << 17  # cells that are held once each
QUOTED = re.compile(r'"(?:[^"]|"")*"')
MOST_OPEN = 100  # lines with an open quote that are left out
PIECE = 1 << 15  # numbers looked at at a time, which stay in the cache
PEEKED = 20  # lines that tell which sign separates
LOOKED_AT = 50  # lines that tell whether the first is a header
PLAINLY = 1e15  # below it whole numbers are spelled by their digits alone
MISSING = frozenset(("", "?", "NA", "N/A", "#N/A", "NaN", "nan", "NULL", "null"))
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)
LIKE_A_NUMBER = re.compile(r"[-+]?[$€£¥]? ?[-+]?\d[\d.,']*( \d{3})* ?[%$€£¥]?", re.ASCII)
DATE = re.compile(
    r"\d{4}[-/]\d{1,2}[-/]\d{1,2}([T ].*)?|\d{1,2}[/.]\d{1,2}[/.]\d{2,4}([T ].*)?|\d{1,2}:\d{2}(:\d{2})?"
)


def read_columns(path: str | Path, header: bool | None = None) -> dict[str, list[str]]:
    """The columns of a CSV file by the names in its first line.

    Args:
        path: The file: cells separated by commas, semicolons, tabs or bars; perhaps gzipped.
        header: Whether the first line names the columns; None: judge by its look.

    Raises:
        DataError: If it is no such table: no rows, rows of different lengths, names twice, no text.
    """
    path = Path(path)
    lines = read_lines(path)
    return named(path.name, lines, has_header(lines) if header is None else header)


def read_lines(path: Path) -> list[list[str]]:
    """The cells of each line of a file that is not empty.

    Raises:
        DataError: If the file is no text, or a line or cell is longer than any table needs.
    """
    return [record.cells for record in read_records(path)]


class Record(NamedTuple):
    """A line of a table, or several where a quoted cell holds line breaks.

    Attributes:
        cells: What it holds; none where it could not be read.
        line: The number of its first line, from 1.
    """

    cells: list[str]
    line: int


def read_records(path: str | Path, *, skip_bad: bool = False) -> list[Record]:
    """The records of a file that are not empty, with their lines.

    Args:
        path: The file: cells separated by commas, semicolons, tabs or bars; perhaps gzipped.
        skip_bad: Leave the cells of a line out in which a quote opens that nothing closes, and go on below it.

    Raises:
        DataError: If the file is no text, a line or cell is longer than any table needs, or a quote stays open.
    """
    path = Path(path)
    with (
        _told(path.name),
        opened(path) as content,
        io.TextIOWrapper(content, encoding=encoding_of(content), newline="") as file,
    ):
        return _parsed(path.name, file, skip_bad=skip_bad)


def encoding_of(content: IO[bytes]) -> str:
    """UTF-8, or UTF-16 where a file begins with its mark, as spreadsheets save "Unicode text"."""
    begin = content.read(2)
    content.seek(0)
    return "utf-16" if begin in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"


def parse_lines(name: str, content: bytes) -> list[list[str]]:
    """The cells of each line of a file's content, as `read_lines`."""
    with _told(name), io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig", newline="") as file:
        return [record.cells for record in _parsed(name, file)]


def _told(name: str) -> contextlib.AbstractContextManager[None]:
    return told(name, "be a CSV file in UTF-8", "Save it as CSV in UTF-8 (in Excel: CSV UTF-8).")


def _parsed(name: str, file: io.TextIOWrapper, *, skip_bad: bool = False) -> list[Record]:
    """The records; where tabs separate, quotes that make no sense as such are just quotes."""
    first, *others = [file.readline(LINE) for _ in range(PEEKED)]
    separator = separator_of([first, *filter(str.strip, others)])
    count = first.count(separator)
    if count >= WIDEST:
        raise DataError(f"{name} must have at most {WIDEST} columns, got {count + 1}. Choose among them first.")
    spaced = separator == " " or 0 < count == first.count(f"{separator} ")

    def records(quoting: Literal[0, 3], bad: list[int] | None) -> Iterator[Record]:
        read = 0  # lines
        while True:
            file.seek(0)
            lines: Iterator[str] = itertools.islice(_limited(name, file), read, None)
            lines = (line.strip(" #\r\n") + "\n" for line in lines) if separator == " " else lines
            reader = csv.reader(lines, delimiter=separator, strict=True, skipinitialspace=spaced, quoting=quoting)
            before = read
            try:
                for cells in reader:
                    if cells:
                        yield Record(cells, read + 1)
                    read = before + reader.line_num
                return
            except csv.Error as problem:
                if bad is None or len(bad) == MOST_OPEN:
                    raise _Open(read + 1, problem) from problem
                bad.append(read)
                yield Record([], read + 1)
                read += 1

    with _cells_at_most(LONGEST):
        try:
            return _few_enough(name, records(csv.QUOTE_MINIMAL, [] if skip_bad and separator != "\t" else None))
        except _Open as problem:
            if separator != "\t":
                raise problem.told(name) from None
            return _few_enough(name, records(csv.QUOTE_NONE, None))


class _Open(Exception):
    """A line whose quotes make no sense."""

    def __init__(self, line: int, problem: csv.Error) -> None:
        super().__init__(str(problem))
        self.line = line

    def told(self, name: str) -> DataError:
        """The error for whoever wrote the file."""
        return DataError(
            f"{name} must be a CSV file whose quotes are in pairs, got one in line {self.line:,} that is not "
            f'({self}). Close it, or write "" for a quote within a cell; skip_bad leaves such lines out.'
        )


def separator_of(lines: Sequence[str]) -> str:
    """The sign that stands equally often in the most lines; a comma, which may be decimal, gives way to others, and
    all to spaces, where there are but numbers between them.

    Example:
        >>> separator_of(["a;b", "1,5;2"]), separator_of(["a,b", "1,2"])
        (';', ',')
        >>> separator_of(['"a","b"', '"x; y","1"'])
        ','
    """
    bare = [QUOTED.sub("", line) for line in lines]  # what stands in quotes parts nothing

    def told(sign: str) -> tuple[int, int]:
        counts = Counter(line.count(sign) for line in bare if sign in line)
        return max(((lines_, often) for often, lines_ in counts.items()), default=(0, 0))

    best = max(";\t|", key=told)
    if _are_spaced([line.rstrip() for line in lines if line.strip()]):
        return " "
    return best if told(best) >= (told(",")[0], 1) else ","


@contextlib.contextmanager
def _cells_at_most(size: int) -> Iterator[None]:
    before = csv.field_size_limit(size)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _limited(name: str, file: io.TextIOWrapper) -> Iterator[str]:
    """The lines of a file, none of which is held in memory before it is known to be short enough."""
    while line := file.readline(LINE + 1):
        if len(line) > LINE:
            raise DataError(f"Lines of {name} must have at most {LINE:,} characters, got more. Is it a table?")
        yield line


def _few_enough(name: str, records: Iterable[Record]) -> list[Record]:
    """The records, given up before their cells fill the memory."""
    kept, count, most, known = list[Record](), 0, memory() // CELL, dict[str, str]()
    for record in records:
        share = known.setdefault if len(known) < SHARED else known.get
        record.cells[:] = [share(cell, cell) for cell in record.cells]  # what comes again is held once
        count += 1 + len(record.cells)
        if count > most:
            raise DataError(f"{name} must have at most {most:,} cells to fit into the memory, got more. Split it.")
        kept.append(record)
    return kept


def looks_like_table(path: Path) -> bool:
    """Whether the first lines of a text have cells, as many in each: parted by tabs, or by another separator where
    a column of them holds numbers.

    Args:
        path: A text, perhaps gzipped; what cannot be read is none.
    """
    try:
        with opened(path) as content, io.TextIOWrapper(content, encoding="utf-8-sig") as file:
            read = [file.readline(LONGEST) for _ in range(LOOKED_AT)]
    except (OSError, EOFError, ValueError, zlib.error):
        return False
    lines = [line.rstrip("\r\n") for line in read if line.strip()]
    for separator in "\t;,|" if len(lines) > 1 else "":
        rows = [line.split(separator) for line in lines]
        if 1 < len(rows[0]) == min(map(len, rows)) == max(map(len, rows)):
            return separator == "\t" or any(map(_all_numbers, zip(*rows[1:], strict=True)))
    return _are_spaced(lines)


def _are_spaced(lines: Sequence[str]) -> bool:
    """Whether lines are numbers with spaces between and no other sign, as many in each, perhaps below names."""
    rows = [line.split() for line in lines if not line.startswith("#")]
    if len(rows) < 2 or any(sign in line for line in lines for sign in ",;\t|"):
        return False
    alike = 1 < len(rows[0]) == min(map(len, rows)) == max(map(len, rows))
    return alike and all(is_number(cell) or is_missing(cell) for row in rows[1:] for cell in row)


def has_header(lines: Sequence[Sequence[str]]) -> bool:
    """Whether the first line looks like names: no number in it, or a word above a column of numbers.

    Example:
        >>> has_header([["a", "b"], ["1", "2"]]), has_header([["39", "red"], ["50", "blue"]])
        (True, False)
    """
    if not lines or not any(looks_like_a_number(cell) for cell in lines[0]):
        return True
    columns = itertools.zip_longest(*lines[:LOOKED_AT], fillvalue="")
    return any(not looks_like_a_number(top) and not is_missing(top) and _all_numbers(below) for top, *below in columns)


def _all_numbers(cells: Sequence[str]) -> bool:
    there = [cell for cell in cells if not is_missing(cell)]
    return bool(there) and all(looks_like_a_number(cell) for cell in there)


def named(name: str, lines: Sequence[Sequence[str]], header: bool) -> dict[str, list[str]]:
    """The columns of a table by name: those of its first line, or c0, c1, …

    Args:
        name: What the table is called, for errors.
        lines: The cells of each line.
        header: Whether the first line names the columns.

    Raises:
        DataError: If there are no rows, rows differ in length, or names are twice.

    Example:
        >>> named("t", [["1", "2"], ["3", "4"]], header=False)
        {'c0': ['1', '3'], 'c1': ['2', '4']}
    """
    if len(lines) < 1 + header:
        need = "a header line and at least one row" if header else "at least one row"
        raise DataError(f"{name} must have {need}, got {len(lines)} lines. Add them.")
    names = [cell.strip() for cell in lines[0]] if header else [f"c{i}" for i in range(len(lines[0]))]
    if len(names) != len(set(names)):
        twice = sorted({cell for cell in names if names.count(cell) > 1})[:10]
        raise DataError(f"Columns of {name} must have different names, got {twice} twice. Rename them.")
    for number, line in enumerate(lines, start=1):
        if len(line) != len(names):
            raise DataError(
                f"Every row of {name} must have {len(names)} cells as the first has, got {len(line)} in line "
                f"{number}. Quote cells that hold the separator."
            )
    return {column: list(cells) for column, cells in zip(names, zip(*lines[header:], strict=True), strict=True)}


def is_number(cell: str) -> bool:
    """Whether a cell is a finite number, in the digits 0 to 9; 1_2 is none.

    Example:
        >>> is_number("1e-3"), is_number("nan"), is_number("red"), is_number("1_2")
        (True, False, False, False)
    """
    return NUMBER.fullmatch(cell.strip()) is not None and bool(np.isfinite(float(cell)))


def looks_like_a_number(cell: str) -> bool:
    """Whether a cell is a number, perhaps with thousands, a decimal comma, a currency or a percent sign.

    Example:
        >>> looks_like_a_number("$1,234.50"), looks_like_a_number("3,5 %"), looks_like_a_number("a1")
        (True, True, False)
    """
    return is_number(cell) or LIKE_A_NUMBER.fullmatch(cell.strip()) is not None


def is_missing(cell: str) -> bool:
    """Whether a cell says that there is no value.

    Example:
        >>> is_missing(""), is_missing(" ? "), is_missing("0")
        (True, True, False)
    """
    return cell.strip() in MISSING


def missing_of(cells: Sequence[str], words: Collection[str] = MISSING) -> np.ndarray:
    """Which cells of a column say that there is no value, by one of some words."""
    if isinstance(cells, Numbers):
        return cells.gone
    return looked_up(cells, lambda cell: cell.strip() in words, bool)


def is_date(cell: str) -> bool:
    """Whether a cell is a date or a time of day.

    Example:
        >>> is_date("2024-02-29T12:00"), is_date("1/2/24"), is_date("24")
        (True, True, False)
    """
    return DATE.fullmatch(cell.strip()) is not None


def numbers(
    name: str, cells: Sequence[str], *, missing: Collection[str] = (), precise: bool = False
) -> Float[Tensor, " n"]:
    """A column as float32, or float64.

    Args:
        name: The column's name, for the error.
        cells: Its cells.
        missing: The words that stand for no number, NaN.
        precise: Whether in float64.

    Raises:
        DataError: If a cell is no finite number.
    """
    if isinstance(cells, Numbers) and precise:  # finite, or missing
        return torch.from_numpy(cells.values.copy())
    lacks = missing_of(cells, missing)
    with np.errstate(over="ignore"):
        values = cells.values if isinstance(cells, Numbers) else looked_up(cells, _float, np.float64)
        values = values if precise else values.astype(np.float32)
    bad = np.flatnonzero(~np.isfinite(values) & ~lacks)
    if len(bad):
        cell, row = cells[bad[0]], bad[0] + 1
        fix = (
            f"Correct it, pass na=… if it says that nothing is there, kinds={name}:categorical if the column holds "
            "words (--read NAME=VALUE on the command line), or leave the column out."
        )
        fix = "Fill it in or drop the row." if is_missing(cell) else fix
        raise DataError(f"Column {name!r} must hold finite numbers, got {cell[:80]!r} in row {row}. {fix}")
    return torch.from_numpy(np.where(lacks, values.dtype.type(np.nan), values))


def _float(cell: str) -> float:
    return float(cell) if NUMBER.fullmatch(cell.strip()) else float("nan")


def are_whole(values: Float[Tensor, " n"]) -> bool:
    """Whether all numbers are whole; in pieces, of which the first often tells.

    Args:
        values: Numbers, none missing.

    Example:
        >>> are_whole(torch.tensor([1.0, -3.0])), are_whole(torch.tensor([1.0, 0.5]))
        (True, False)
    """
    return all(bool((part == part.round()).all()) for part in values.split(PIECE))


def are_alike(values: Float[Tensor, " n"]) -> bool:
    """Whether all numbers are the first.

    Args:
        values: Numbers, none missing.

    Example:
        >>> are_alike(torch.tensor([2.0, 2.0])), are_alike(torch.tensor([2.0, 1.0]))
        (True, False)
    """
    return all(bool((part == values[0]).all()) for part in values.split(PIECE))


def write_columns(path: str | Path, parts: Iterable[Mapping[str, Sequence[str]]]) -> Path:
    """Writes columns of cells, which come part by part, under one header line; returns the path."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        for number, columns in enumerate(parts):
            if number == 0:
                writer.writerow(columns)
            text = "\n".join(map(",".join, zip(*columns.values(), strict=True)))
            if _is_plain(text, len(columns)):
                file.write(text + "\n")
            else:
                writer.writerows(zip(*columns.values(), strict=True))
    return Path(path)


def _is_plain(text: str, columns: int) -> bool:
    """Whether no cell of joined lines needs quotes: there are as many commas as lines should have, and no others."""
    lines = text.count("\n") + 1
    return columns > 1 and text.count(",") == lines * (columns - 1) and '"' not in text and "\r" not in text


def cells_of(values: np.ndarray) -> list[str]:
    """Numbers in their shortest exact form; where reading through float64 would round twice, in that of float64.

    Example:
        >>> cells_of(np.array([0.1, 3, np.nan], dtype=np.float32))
        ['0.1', '3', '']
    """
    if values.dtype == np.float64:  # which Python spells in the shortest form that leads back
        if (whole := _whole(values)) is not None:
            return _spelled(whole)
        spelled = (repr(value).removesuffix(".0") for value in values.tolist())
        return ["" if cell == "nan" else cell for cell in spelled]
    cells = [cell.removesuffix(".0") for cell in values.astype(np.str_).tolist()]
    again = np.array(cells, dtype=np.str_).astype(np.float64).astype(values.dtype)
    for i in np.flatnonzero((again != values) & np.isfinite(values)):
        cells[i] = repr(float(values[i]))
    return ["" if cell == "nan" else cell for cell in cells]


def _whole(values: np.ndarray) -> np.ndarray | None:
    """Numbers as integers, if they all are, and are spelled so; −0 is none."""
    if not (np.abs(values) < PLAINLY).all() or np.signbit(values[values == 0]).any():
        return None
    whole = values.astype(np.int64)
    return whole if (whole == values).all() else None


def _spelled(whole: np.ndarray) -> list[str]:
    """Integers by their digits; those of a narrow range are spelled once."""
    low, high = (int(whole.min()), int(whole.max())) if len(whole) else (0, 0)
    if high - low >= len(whole) // 4:
        return list(map(str, whole.tolist()))
    cells: list[str] = np.array(list(map(str, range(low, high + 1))), dtype=object)[whole - low].tolist()
    return cells
