"""Columns of a table that are written in a form of their own: numbers with signs, dates, times."""

import functools
from collections.abc import Collection, Mapping, Sequence

from genzoo.core.errors import DataError
from genzoo.data.cells import Numbers, different, mapped
from genzoo.data.dates import ORDERS, DateForm, date_form_of, odd_dates
from genzoo.data.forms import Form, form_of
from genzoo.data.readers.column import holds_words, kinds_asked
from genzoo.data.source import MOST_CLASSES, Asked

__all__ = ["Written", "plain_numbers"]

Written = Form | DateForm
FEW, MOST = 0.1, 0.5  # the share of cells that are slips: by their look, and where a column is known to hold numbers


def plain_numbers(
    columns: Mapping[str, Sequence[str]], used: Collection[str], asked: Asked, gone: Collection[str]
) -> tuple[dict[str, Sequence[str]], dict[str, Written], list[str]]:
    """Columns with plain numbers where they are written in a form of their own, the forms, and what was decided.

    Args:
        columns: The cells of each column.
        used: Those that are looked at.
        asked: What the user said.
        gone: The words that say that a cell is missing.

    Raises:
        DataError: If dates are such that nobody can know day and month, or numbers have several units.

    Example:
        >>> columns, forms, _ = plain_numbers({"day": ["2024-02-29", ""]}, ["day"], Asked(), [""])
        >>> columns["day"], forms["day"].unit
        (['19782', ''], 'days')
    """
    if asked.decimal not in (".", ","):
        raise DataError(f"`decimal` must be '.' or ',', got {asked.decimal!r}. Choose one.")
    if asked.dates not in (None, *ORDERS):
        raise DataError(f"`dates` must be {' or '.join(map(repr, ORDERS))}, got {asked.dates!r}. Choose one.")
    kinds, plain, notes = kinds_asked(asked.kinds, list(columns)), dict(columns), list[str]()
    forms = dict[str, Written]()
    for name in used:
        are_plain = isinstance(plain[name], Numbers) and asked.decimal == "."
        if are_plain or (name in kinds and holds_words(name, (), kinds[name])):
            continue
        there = {cell for cell in different(plain[name]) if cell.strip() not in gone}
        form = form_of(name, there, asked.decimal) or _dates(name, there, asked)
        if form is None and (odd := _slips(name, there, asked, name in kinds)):
            form = _dates(name, there - odd, asked)
        if form is not None:
            spelled = {cell: form.plain(cell) for cell in there}
            example = max(there, key=lambda cell: (len(cell), cell))
            unit = f" {form.unit}" if isinstance(form, DateForm) else ""
            notes.append(
                f"column {name!r} is written as {example!r} and read as {spelled[example]}{unit}; samples are so, too"
            )
            plain[name] = mapped(plain[name], functools.partial(_changed, spelled))
            forms[name] = form
    return plain, forms, notes


def _slips(name: str, there: Collection[str], asked: Asked, are_numbers: bool) -> set[str]:
    """The few cells of a column of dates of one form that are none.

    Raises:
        DataError: If there are some, and their rows are not to be left out.
    """
    if _are_labels(name, there, asked):
        return set()
    example, odd = odd_dates(there, MOST if are_numbers else FEW) or ("", [])
    if odd and not asked.skip_bad:
        raise DataError(
            f"Column {name!r} must hold dates written as {example!r}, got {odd[0][:80]!r}. Correct it, or leave such "
            f"rows out (skip_bad); if it says that nothing is there, pass na={odd[0][:80]!r}; to keep words, "
            f"kinds='{name}:categorical'."
        )
    return set(odd)


def _dates(name: str, there: Collection[str], asked: Asked) -> DateForm | None:
    """The form of dates; few of them in a condition are labels, and stay as they are written."""
    return None if _are_labels(name, there, asked) else date_form_of(name, there, asked.dates)


def _are_labels(name: str, there: Collection[str], asked: Asked) -> bool:
    return name in asked.given and len(there) <= MOST_CLASSES


def _changed(plain: Mapping[str, str], cell: str) -> str:
    return plain.get(cell, cell)
