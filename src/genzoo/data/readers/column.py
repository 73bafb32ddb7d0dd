"""One column of a table: what its cells are, and as which numbers they are kept.

Words are levels, whole numbers are whole, other numbers are real. Cells that only look like numbers stay what they
are: an id with leading zeros or a well called 1_2 is a word. Where some cells alone are numbers with a decimal comma,
a currency or a percent sign, they are refused, since as words they would mean nothing.
"""

import dataclasses
import re
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.core import Column
from genzoo.core.errors import DataError, nearest
from genzoo.data.cells import Numbers, different, looked_up
from genzoo.data.columns import are_whole, is_date, is_number, numbers

__all__ = ["EXACT", "ID", "KINDS", "MOST_WORDS", "ReadColumn", "holds_words", "kinds_asked", "order_of", "read_column"]

MOST_WORDS, MOST_ASKED = 1000, 20_000  # different words of a column, by its look; where it is called categorical
LESS = "<"  # between words of an order
KINDS = ("real", "integer", "ordered", "categorical")
EXACT = float(1 << 53)  # whole numbers up to here are float64
ID = re.compile(r"0\d+", re.ASCII)
SIGNS = "$€£¥%"
GROUPED = re.compile(r"[-+]?(\d+|\d{1,3}([,.' ]\d{3})+)([.,]\d+)?", re.ASCII)
COMMA = re.compile(r"[-+]?(\d+|\d{1,3}(\.\d{3})+),\d+|[-+]?\d{1,3}(\.\d{3})+", re.ASCII)


@dataclasses.dataclass(frozen=True)
class ReadColumn:
    """A column as numbers.

    Attributes:
        values: One for each cell, NaN where it is empty; of words their places.
        column: What they are.
        words: The words, in order, of a column of levels.
    """

    values: Float[Tensor, " n"]
    column: Column
    words: tuple[str, ...] | None = None


def read_column(name: str, cells: Sequence[str], wanted: str | None = None) -> ReadColumn:
    """What a column is: as it is asked for, else by its look.

    Args:
        name: Its name, for errors.
        cells: Its cells; an empty one is missing.
        wanted: One of "real", "integer", "ordered", "categorical"; or its words from the least on, "low<mid<high".

    Raises:
        DataError: If it holds dates, free text, numbers with exceptions or with signs of more than a number, or is not
            what was asked for.

    Example:
        >>> read_column("age", ["39", "", "7"]).column
        Column(kind='integer', levels=None, missing=True)
        >>> read_column("zip", ["01234", "99999"]).words
        ('01234', '99999')
    """
    if holds_words(name, cells, wanted):
        return _levels(name, cells, sorted(filter(None, different(cells))), wanted)
    values = numbers(name, cells, missing=("",), precise=True)
    lacks = values.isnan()
    there = values[~lacks] if lacks.any() else values
    whole = are_whole(there) and (not len(there) or float(there.abs().max()) < EXACT)
    if wanted == "integer" and not whole:
        raise DataError(f"Column {name!r} must hold whole numbers, got others, such as {_fraction(there):g}. "
                        "Call it real.")  # fmt: skip
    kind = "integer" if whole and wanted != "real" else "real"
    return ReadColumn(values, Column(kind, missing=len(there) < len(values)))


def holds_words(name: str, cells: Sequence[str], wanted: str | None = None) -> bool:
    """Whether a column is of words, as it is asked for or by its look; else every cell must be a number.

    Args:
        name: Its name, for errors.
        cells: Its cells; an empty one is missing.
        wanted: What it is asked to be.

    Example:
        >>> holds_words("kind", ["red", "1"]), holds_words("age", ["1", "2", "x"], "real")
        (True, False)
    """
    if wanted is not None:
        return wanted in ("ordered", "categorical") or LESS in wanted
    return not isinstance(cells, Numbers) and _are_words(name, sorted(filter(None, different(cells))))


def kinds_asked(kinds: str | Mapping[str, str] | None, names: Sequence[str]) -> dict[str, str]:
    """The kinds of columns that the user named, as "age:real,zip:categorical,size:low<mid<high" or a mapping.

    Args:
        kinds: What was said.
        names: The table's columns.

    Raises:
        DataError: If there is no such column or kind.

    Example:
        >>> kinds_asked("age:real, zip:categorical", ["age", "zip"])
        {'age': 'real', 'zip': 'categorical'}
    """
    if isinstance(kinds, str):
        pairs = [part.rpartition(":") for part in kinds.split(",") if part.strip()]
        kinds = {name.strip(): kind.strip() for name, _, kind in pairs}
    for name, kind in (kinds or {}).items():
        if name not in names:
            raise DataError(f"`kinds` must name columns, got {name!r}. {nearest(name, names)}")
        if kind not in KINDS and LESS not in kind:
            raise DataError(
                f"The kind of {name!r} must be {', '.join(KINDS)}, or its words as low<mid<high, got {kind!r}. "
                f"{nearest(kind, KINDS)}"
            )
    return dict(kinds or {})


def order_of(words: Sequence[str]) -> str:
    """The kind of a column whose words have an order, as `kinds` is told.

    Args:
        words: From the least on.

    Example:
        >>> order_of(["low", "high"])
        'low<high'
    """
    return LESS.join(words) if len(words) > 1 and not any(LESS in word for word in words) else "ordered"


def _are_words(name: str, different: Sequence[str]) -> bool:
    """Whether the different cells of a column are words rather than numbers."""
    if any(ID.fullmatch(cell) for cell in different):
        return True
    odd = [cell for cell in different if not is_number(cell)]
    if odd and all(is_number(cell) or _is_spelled(cell) for cell in different):
        raise DataError(_told(name, next(cell for cell in odd if _is_spelled(cell))))
    if not odd or len(odd) < len(different) / 2 or any(_is_infinite(cell) for cell in odd):
        return False
    if all(is_date(cell) for cell in different):
        raise DataError(
            f"Column {name!r} must hold dates in one form with a year of four digits, got {odd[0]!r}. Write them as "
            f"2024-02-29 or 2024-02-29T12:30:00; to keep such cells as words, pass kinds='{name}:categorical'."
        )
    return True


def _levels(name: str, cells: Sequence[str], words: Sequence[str], wanted: str | None) -> ReadColumn:
    if not words and wanted is None:
        raise DataError(f"Column {name!r} must hold words, got nothing. Leave it out with `x`.")
    words = words or [""]  # of a column that is known to be of words: a level that no row has
    if len(words) > (most := MOST_WORDS if wanted is None else MOST_ASKED):
        zeros = " (leading zeros make words of numbers)" if ID.fullmatch(words[0]) else ""
        raise DataError(
            f"Column {name!r} must hold numbers or at most {most} different words, got {len(words):,}, such "
            f"as {words[0][:80]!r}{zeros}. Leave it out with `x`; "
            f"to take up to {MOST_ASKED:,} words for kinds, pass kinds='{name}:categorical'; if it is text to be "
            f"modelled, name it alone: x={name!r}."
        )
    if wanted is not None and LESS in wanted:
        words = _in_order(name, words, wanted)
    elif all(is_number(cell) for cell in words):
        words = sorted(words, key=lambda cell: (float(cell), cell))
    place = {word: float(k) for k, word in enumerate(words) if word}
    values = torch.from_numpy(looked_up(cells, lambda cell: place.get(cell, np.nan), np.float64))
    kind = "categorical" if wanted in (None, "categorical") else "ordered"
    return ReadColumn(values, Column(kind, len(words), bool(values.isnan().any())), tuple(words))


def _in_order(name: str, words: Sequence[str], wanted: str) -> list[str]:
    """The words of a column from the least on, as they were said to be."""
    said = [word.strip() for word in wanted.split(LESS)]
    if other := next((word for word in words if word.strip() not in said), None):
        raise DataError(f"The order of {name!r} must name all of its words, got none for {other!r}. Add it.")
    if len(set(said)) < len(said) or not all(said):
        raise DataError(f"The order of {name!r} must name each word once, got {wanted!r}. Leave out the others.")
    spelled = {word.strip(): word for word in words}
    return [spelled.get(word, word) for word in said]


def _is_spelled(cell: str) -> bool:
    """Whether a cell is a number with a decimal comma, thousands set apart, or a currency or percent sign."""
    return not is_number(cell) and GROUPED.fullmatch(re.sub(rf"[{SIGNS}\s]", "", cell)) is not None


def _told(name: str, cell: str) -> str:
    comma = COMMA.fullmatch(cell.strip()) is not None and "," in cell
    what = "a comma" if comma else "signs of more than a number"
    fix = (
        "If commas are decimal, pass decimal=','; if they part thousands, strip them; "
        if comma
        else "Strip currency, percent and thousands signs; "
    )
    return (
        f"Column {name!r} must hold plain numbers, got {cell!r}, with {what}. {fix}to keep such cells as words, pass "
        f"kinds='{name}:categorical'."
    )


def _is_infinite(cell: str) -> bool:
    try:
        return bool(np.isinf(float(cell)))
    except ValueError:
        return False


def _fraction(values: Tensor) -> float:
    """The first that is not whole, or too large to be told from its neighbors."""
    return float(values[(values != values.round()) | (values.abs() >= EXACT)][0])
