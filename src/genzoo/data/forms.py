"""Forms of numbers: thousands set apart, decimal commas, currency and percent signs, units, as people write them.

A column has a form if every cell agrees with it: `$1,234.50` and `$7.00`, `12,5` and `3,25`, `5 kg` and `12 kg`. Then
it is a column of numbers, which are written back the same way.
"""

import dataclasses
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import ClassVar

from genzoo.core.errors import DataError
from genzoo.data.cells import Numbers, different
from genzoo.data.columns import is_number

__all__ = ["Form", "form_of", "kept_digits", "padded_digits"]

CURRENCY = ("$", "€", "£", "¥", "USD", "EUR", "GBP", "CHF", "JPY", "CNY")
BEFORE = "|".join(re.escape(word) for word in CURRENCY)
CELL = re.compile(
    rf"(?P<sign>[-+]?)(?P<prefix>(?:{BEFORE}) ?)?(?P<again>[-+]?)(?P<number>\d[\d.,' ]*?|\.\d+)"
    r"(?P<suffix> ?[^\d\s.,'+\-][^\d]{0,7})?",
    re.ASCII,
)
PLAIN = re.compile(r"\s*-?\d+(?:\.(\d*))?\s*", re.ASCII)
SPACES = str.maketrans(dict.fromkeys("\u00a0\u202f\u2009", " ") | {"−": "-"})  # those that do not break a line
NEGATIVES = ("-5", "−5", "5-", "(5)")
MAGNITUDES = frozenset(("k", "K", "M", "B", "G", "T", "kB", "KB", "MB", "GB", "TB"))
WAYS = (("", "."), (",", "."), ("'", "."), (" ", "."), ("", ","), (".", ","), (" ", ","), ("'", ","))


@dataclasses.dataclass(frozen=True)
class Form:
    """How numbers of a column are written.

    Attributes:
        prefix: What stands before each, such as a currency sign.
        suffix: What stands after each, such as a unit.
        thousands: What parts groups of three digits; "" for nothing.
        decimal: The decimal sign.
        places: The most digits after it.
        negative: How a number below zero looks: -5, −5 with a proper minus, 5- or (5).
        unit: "": the number itself is written.

    Example:
        >>> form = Form("$", thousands=",", places=2)
        >>> form.spelled("-1234.5"), form.plain("$1,234.50")
        ('-$1,234.50', '1234.50')
    """

    prefix: str = ""
    suffix: str = ""
    thousands: str = ""
    decimal: str = "."
    places: int = 0
    negative: str = "-5"
    unit: ClassVar[str] = ""

    def plain(self, cell: str) -> str:
        """The number in a cell as it is usually written; the cell, if it is not of the form."""
        found = _matched(cell)
        if found is None or not self._fits(found):
            return cell
        number = found["number"].replace(self.thousands, "") if self.thousands else found["number"]
        return f"{found['sign'] or found['again']}{number.replace(self.decimal, '.')}".removeprefix("+")

    def spelled(self, cell: str) -> str:
        """A plain number in this form; an empty cell stays empty."""
        if not cell:
            return cell
        whole, _, rest = f"{abs(float(cell)):,.{self.places}f}".partition(".")
        number = whole.replace(",", self.thousands) + (self.decimal + rest if rest else "")
        signed = f"{self.prefix}{number}{self.suffix}"
        return (
            self.negative.replace("5", signed) if float(cell) < 0 and re.search("[1-9]", number) else signed
        )  # no −0

    def _fits(self, found: re.Match[str]) -> bool:
        signs = self.prefix.strip(), self.suffix.strip()
        return _signs(found) == signs and _is_written(found["number"], self.thousands, self.decimal)


def form_of(name: str, cells: Collection[str], decimal: str = ".") -> Form | None:
    """The form in which all of some different cells are written; None if that is plain, or there is no one form.

    Where thousands and decimals look alike, as in 1,234, commas part thousands, but after a zero.

    Args:
        name: The column's name, for errors.
        cells: Different cells, none of them missing.
        decimal: "," if decimals are known to have a comma.

    Raises:
        DataError: If they are numbers with several units.

    Example:
        >>> form_of("pay", ["$1,200", "$900"]), form_of("code", ["01", "12"])
        (Form(prefix='$', suffix='', thousands=',', decimal='.', places=0, negative='-5'), None)
        >>> form_of("mass", ["3,5", "12,25"])
        Form(prefix='', suffix='', thousands='', decimal=',', places=2, negative='-5')
    """
    if not cells or (decimal == "." and all(map(is_number, cells))):
        return None
    found = [_matched(cell) for cell in cells]
    known = [match for match in found if match is not None]
    if len(known) < len(found):
        return None
    _refuse_units(name, known)
    signs = Counter((match["prefix"] or "", match["suffix"] or "") for match in known)
    numbers = [match["number"] for match in known]
    ways = [way for way in WAYS if decimal == "." or way[1] == ","]
    way = next((way for way in ways if all(_is_written(number, *way) for number in numbers)), None)
    if len({_signs(match) for match in known}) > 1 or way is None:
        return None
    (prefix, suffix), (thousands, sign) = max(sorted(signs), key=signs.__getitem__), way
    negatives = sorted(set(map(_negative, cells)), key=NEGATIVES.index)
    negative, places = negatives[-1], max(len(number.partition(sign)[2]) for number in numbers)
    if (negative == "5-" and not places) or negatives == ["(5)"]:  # as marks at school, or references, are
        return None
    if not (prefix or suffix or thousands) and sign == "." and negative == NEGATIVES[0]:
        return None
    return Form(prefix, suffix, thousands, sign, places, negative)


def kept_digits(cells: Collection[str]) -> int | None:
    """The digits after the point that all of some plain numbers are written with, zeros at the end of some among them.

    Args:
        cells: Different cells; what is no number of plain digits is looked over.

    Returns:
        None where some have more than others, or no number ends in a zero: then the shortest form is how they are
        written.

    Example:
        >>> kept_digits(["44.80", "7.25", ""]), kept_digits(["44.8", "7.0"]), kept_digits(["44.8", "7"])
        (2, 1, None)
    """
    found = [match for match in map(PLAIN.fullmatch, cells) if match]
    digits = {len(match[1] or "") for match in found}
    return max(digits) if len(digits) == 1 and any((match[1] or "").endswith("0") for match in found) else None


def _matched(cell: str) -> re.Match[str] | None:
    """A cell as a number with signs, the one below zero in front."""
    spaced = cell.translate(SPACES).strip()
    bare = {"(5)": spaced[1:-1], "5-": spaced[:-1]}.get(_negative(cell))
    return CELL.fullmatch(spaced if bare is None else f"-{bare}")


def _negative(cell: str) -> str:
    """How a cell says that it is below zero, one of `NEGATIVES`; the first if it does not."""
    stripped = cell.strip()
    if "−" in stripped:
        return "−5"
    if stripped.endswith("-") and "-" not in stripped[:-1]:
        return "5-"
    return "(5)" if stripped.startswith("(") and stripped.endswith(")") else NEGATIVES[0]


def _signs(found: re.Match[str]) -> tuple[str, str]:
    return (found["prefix"] or "").strip(), (found["suffix"] or "").strip()


def _is_written(number: str, thousands: str, decimal: str) -> bool:
    """Whether a number has these signs, and no zero in front that would make it an id."""
    groups = rf"|[1-9]\d{{0,2}}(?:{re.escape(thousands)}\d{{3}})+" if thousands else ""
    return re.fullmatch(rf"(?:0|[1-9]\d*{groups})?(?:{re.escape(decimal)}\d+)?", number, re.ASCII) is not None


def _refuse_units(name: str, found: Collection[re.Match[str]]) -> None:
    """Refuses a column in which numbers have units, set apart, and not all the same; or thousands and millions."""
    units = sorted({match["suffix"] or "" for match in found})
    are_apart = all(unit.startswith(" ") and unit[1:].isalpha() for unit in units)
    if len(units) > 1 and (are_apart or {unit.strip() for unit in units} - {""} <= MAGNITUDES):
        shown = [next(match[0] for match in found if (match["suffix"] or "") == unit) for unit in units[:2]]
        raise DataError(
            f"Column {name!r} must hold numbers of one unit, got {shown[0]!r} and {shown[1]!r}. Convert them; to "
            f"keep such cells as words, pass kinds='{name}:categorical'."
        )


def padded_digits(columns: Mapping[str, Sequence[str]], needed: Mapping[str, int]) -> dict[str, int]:
    """The digits after the point of columns in which every number is written with so many, as far as one can cheaply
    see; none has fewer than are needed.

    Args:
        columns: Cells by column.
        needed: How many digits are needed to tell its numbers apart, of the columns that are asked for.
    """
    seen = ((name, columns[name]) for name in needed)
    found = {
        name: kept_digits(cells.first if isinstance(cells, Numbers) else different(cells)) for name, cells in seen
    }
    return {name: k for name, k in found.items() if k is not None and k >= needed[name]}
