"""Dates, times of day and durations as numbers: days, hours, minutes or seconds, written back as they were.

A column holds dates if every cell is written in one way of which there is no doubt: 2024-02-29, 2024-02-29T12:30:00Z,
29.2.2024 (with dots the day comes first), 29 Feb 2024, 12:30. Where some cell has 24 hours or more, as in 26:30, or
days beside them, all are durations. With strokes, 1/2/2024, a number above 12 says which
comes first; where there is none, nobody can know, and the column is refused.
"""

import dataclasses
import functools
import re
from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from typing import Any

from genzoo.core.errors import DataError

__all__ = ["ORDERS", "UNITS", "DateForm", "date_form_of", "odd_dates"]

ORDERS = ("day first", "month first")

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
UNITS = {"days": 86400, "hours": 3600, "minutes": 60, "seconds": 1}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NAMES = "|".join(MONTHS)
PARTS = {
    "{Y:04}": r"(?P<Y>\d{4})",
    "{m:02}": r"(?P<m>\d\d)",
    "{m}": r"(?P<m>\d\d?)",
    "{d:02}": r"(?P<d>\d\d)",
    "{d}": r"(?P<d>\d\d?)",
    "{b}": rf"(?P<b>{NAMES})",
    "{H:02}": r"(?P<H>\d\d)",
    "{H}": r"(?P<H>\d\d?)",
    "{I:02}": r"(?P<I>\d\d)",
    "{I}": r"(?P<I>\d\d?)",
    "{p}": r"(?P<p>AM|PM)",
    "{h:02}": r"(?P<h>\d\d{1,8})",
    "{h}": r"(?P<h>\d{1,9})",
    "{D} days": r"(?P<D>\d{1,8}) days",
    "{D}day, ": r"((?P<D>\d{1,8}) days?, )?",
    "{M:02}": r"(?P<M>\d\d)",
    "{S:02}": r"(?P<S>\d\d(\.\d{1,9})?)",
}
PIECE = re.compile("|".join(map(re.escape, PARTS)))
ENDING = re.compile(r"(?<=\d)(Z|[+-]\d\d:?\d\d| ?UTC)$", re.ASCII)
DAYS = (
    "{Y:04}-{m:02}-{d:02}", "{Y:04}-{m}-{d}", "{Y:04}/{m:02}/{d:02}", "{Y:04}/{m}/{d}", "{d:02}.{m:02}.{Y:04}",
    "{d}.{m}.{Y:04}", "{d:02} {b} {Y:04}", "{d} {b} {Y:04}", "{d:02}-{b}-{Y:04}", "{d}-{b}-{Y:04}",
    "{b} {d:02}, {Y:04}", "{b} {d}, {Y:04}",
)  # fmt: skip
EITHER = (
    ("{d:02}/{m:02}/{Y:04}", "{m:02}/{d:02}/{Y:04}"), ("{d}/{m}/{Y:04}", "{m}/{d}/{Y:04}"),
    ("{d:02}-{m:02}-{Y:04}", "{m:02}-{d:02}-{Y:04}"), ("{d}-{m}-{Y:04}", "{m}-{d}-{Y:04}"),
)  # fmt: skip
SIGNS = re.compile(r"[-/:\sA-Z]|\..*\.", re.ASCII)  # every way to write has one of them, and most cells have none
EACH = "each its own"  # zone
LONGEST = 86400e9  # seconds of a duration
TIMES = (
    "{H:02}:{M:02}", "{H:02}:{M:02}:{S:02}", "{H}:{M:02}", "{H}:{M:02}:{S:02}",
    "{I:02}:{M:02} {p}", "{I:02}:{M:02}:{S:02} {p}", "{I}:{M:02} {p}", "{I}:{M:02}:{S:02} {p}",
)  # fmt: skip
LONG = (
    "{h:02}:{M:02}", "{h:02}:{M:02}:{S:02}", "{h}:{M:02}", "{h}:{M:02}:{S:02}",
    "{D} days {H:02}:{M:02}:{S:02}", "{D}day, {H}:{M:02}:{S:02}",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class DateForm:
    """How dates or times of a column are written, and what they are counted in.

    Attributes:
        template: A way to write year Y, month m (or its name b), day d, hour H (or I of a half day p), minute M and
            second S; of durations days D, or hours h without end.
        unit: "days", "hours", "minutes" or "seconds": since 1970-01-01, or since midnight where there is no day.
        places: The digits of a second after its point.
        zone: What stands behind each time, such as Z.
        many: Whether offsets differ from cell to cell, as where summer time begins; all are written in `zone`.

    Raises:
        DataError: If the template has a part, or the unit is one, that is not known.

    Example:
        >>> form = DateForm("{d:02}.{m:02}.{Y:04}", "days")
        >>> form.plain("02.01.1970"), form.spelled("1")
        ('1', '02.01.1970')
    """

    template: str
    unit: str
    places: int = 0
    zone: str = ""
    many: bool = False

    def __post_init__(self) -> None:
        rest = PIECE.sub("", self.template)
        if self.unit not in UNITS or not 0 <= self.places <= 9 or set(rest) - set("-/.:, T"):
            raise DataError(
                f"A form of dates must be made of {', '.join(PARTS)} and a unit of {', '.join(UNITS)}, got "
                f"{self.template!r} and {self.unit!r}. Restore the right ones."
            )

    @property
    def is_duration(self) -> bool:
        """Whether cells tell how long something takes, rather than when."""
        return self.template in LONG

    @property
    def order(self) -> str | None:
        """Which comes first where a date alone does not say it, one of `ORDERS`."""
        places = [part for pair in EITHER for part in enumerate(pair)]
        return next((ORDERS[k] for k, part in places if self.template.startswith(part)), None)

    def plain(self, cell: str) -> str:
        """The number that a date stands for; the cell, if it is not of the form."""
        seconds = _seconds(self.template, EACH if self.many else self.zone, cell.strip())
        if seconds is None:
            return cell
        number = seconds / UNITS[self.unit]
        return str(int(number)) if number == int(number) else repr(number)

    def spelled(self, cell: str) -> str:
        """A number as a date; an empty cell stays empty. What lies outside of the calendar, or of the day where there
        is only a time, goes to its nearest end."""
        if not cell:
            return cell
        step = 10.0**-self.places if self.unit == "seconds" else float(UNITS[self.unit])
        seconds = round(float(cell) * UNITS[self.unit] / step) * step
        low, high = _ends(self.template, step)
        seconds = min(max(seconds, low), high)
        at = EPOCH + timedelta(seconds=seconds % 86400 if self.is_duration else seconds)
        second = f"{at.second:02}" + (f".{at.microsecond:06}"[: self.places + 1] if self.places else "")
        fields: dict[str, Any] = {"H": at.hour, "M": at.minute, "I": (at.hour - 1) % 12 + 1}
        fields["p"] = "PM" if at.hour > 11 else "AM"
        if self.is_duration:
            days = int(seconds // 86400)
            fields |= {"D": days, "h": int(seconds // 3600)}
            some = f"{days} day{'s' if days > 1 else ''}, " if days else ""
            return self.template.replace("{D}day, ", some).replace("{S:02}", second).format(**fields)
        fields |= {"Y": at.year, "m": at.month, "d": at.day, "b": MONTHS[at.month - 1]}
        return self.template.replace("{S:02}", second).format(**fields) + self.zone


def date_form_of(name: str, cells: Collection[str], order: str | None = None) -> DateForm | None:
    """The form in which all of some different cells are dates or times; None if they are none.

    Args:
        name: The column's name, for errors.
        cells: Different cells, none of them missing.
        order: One of `ORDERS`, if it is known which comes first.

    Raises:
        DataError: If day and month could be taken for each other.

    Example:
        >>> date_form_of("day", ["2024-02-29", "2024-03-01"])
        DateForm(template='{Y:04}-{m:02}-{d:02}', unit='days', places=0, zone='', many=False)
        >>> date_form_of("day", ["1/2/2024", "31/2/2024"]) is None, date_form_of("day", ["red"]) is None
        (True, True)
    """
    stripped = sorted(cell.strip() for cell in cells)
    if not stripped or not stripped[0][:1].isalnum() or not any(map(str.isdigit, stripped[0])):
        return None
    zones = {found[0] if (found := ENDING.search(cell)) else "" for cell in stripped}
    zone = EACH if len(zones) > 1 and "" not in zones else ""
    if len(zones) == 1 and ":" in stripped[0]:
        zone = zones.pop()
    for template in _templates(stripped[0], zone):
        if (form := _form(template, zone, stripped)) is not None:
            return form
    for one, other in _doubtful(stripped[0], zone):
        forms = [form for template in (one, other) if (form := _form(template, zone, stripped)) is not None]
        if len(forms) == 2 and order is not None:
            return forms[ORDERS.index(order)]
        if len(forms) == 2:
            raise DataError(
                f"Column {name!r} must hold dates of which day and month are known, got {stripped[0]!r} and no number "
                f"above 12 that tells them apart. Pass dates='day first' or 'month first'; to keep such cells as "
                f"words, kinds='{name}:categorical'."
            )
        if forms:
            return forms[0]
    return None


def odd_dates(cells: Collection[str], share: float) -> tuple[str, list[str]] | None:
    """A date among some different cells, and the cells that are none of its form, where these are no more than a
    share: slips, which would turn the whole column into words.

    Args:
        cells: Different cells, none of them missing.
        share: The most of them that may be odd.

    Example:
        >>> odd_dates(["2024-02-28", "2024-02-29", "2024-02-30"], 0.5)
        ('2024-02-28', ['2024-02-30'])
    """
    stripped = sorted(cells, key=str.strip)
    for example in {stripped[k * len(stripped) // 5]: None for k in range(5 if stripped else 0)}:
        zone = EACH if ENDING.search(example.strip()) and ":" in example else ""
        for template in _templates(example.strip(), zone):
            odd = [cell for cell in stripped if _seconds(template, zone, cell.strip()) is None]
            if 0 < len(odd) <= share * len(stripped):
                return example, odd
    return None


def _templates(cell: str, zone: str) -> list[str]:
    """Ways to write that a first cell agrees with, of which there is no doubt."""
    if not SIGNS.search(cell):
        return []
    both = (f"{day}{between}{time}" for day in DAYS for between in "T " for time in TIMES)
    whole = [*DAYS, *TIMES, *both, *LONG]
    return [template for template in whole if _seconds(template, zone, cell) is not None]


def _doubtful(cell: str, zone: str) -> list[tuple[str, str]]:
    """Ways in which the day may come first, or the month, that a first cell agrees with."""
    if not SIGNS.search(cell):
        return []
    ends = ["", *(f"{between}{time}" for between in "T " for time in TIMES)]
    pairs = [(one + end, other + end) for one, other in EITHER for end in ends]
    return [pair for pair in pairs if any(_seconds(template, zone, cell) is not None for template in pair)]


def _form(template: str, zone: str, cells: Collection[str]) -> DateForm | None:
    """The form of a way to write, with the largest unit in which all cells are whole; None if one is written another
    way."""
    seconds = [_seconds(template, zone, cell) for cell in cells]
    found = [value for value in seconds if value is not None]
    if len(found) < len(seconds):
        return None
    fits = (unit for unit, size in UNITS.items() if all(value % size == 0 for value in found))
    parted = (ENDING.sub("", cell).rpartition(":")[2].partition(".") for cell in cells)
    digits = [len(fraction) for _, _, fraction in parted] if "{S:02}" in template else [0]
    if zone == EACH:
        return DateForm(template, next(fits, "seconds"), min(6, max(digits)), "+00:00", many=True)
    return DateForm(template, next(fits, "seconds"), min(6, max(digits)), zone)


def _seconds(template: str, zone: str, cell: str) -> float | None:
    """Seconds since 1970, or midnight, of a cell; None if it is not written so, or there is no such day."""
    if zone == EACH:
        ending = ENDING.search(cell)
        seconds = None if ending is None else _seconds(template, "", cell[: ending.start()])
        return None if seconds is None or ending is None else seconds - _offset(ending[0])
    found = _pattern(template).fullmatch(cell.removesuffix(zone) if zone else cell)
    if found is None or (zone and not cell.endswith(zone)):
        return None
    parts = found.groupdict()
    hour, minute, second = int(parts.get("H") or 0), int(parts.get("M") or 0), float(parts.get("S") or 0)
    half = int(parts.get("I") or 12)
    if hour > 23 or minute > 59 or second >= 60 or not 1 <= half <= 12:
        return None
    hour += half % 12 + (12 if parts.get("p") == "PM" else 0)
    days, hour = int(parts.get("D") or 0), hour + int(parts.get("h") or 0)
    if "Y" in parts:
        month = MONTHS.index(parts["b"]) + 1 if "b" in parts else int(parts["m"])
        try:
            days = date(int(parts["Y"]), month, int(parts["d"])).toordinal() - EPOCH.toordinal()
        except ValueError:
            return None
    return 86400 * days + 3600 * hour + 60 * minute + second


def _offset(zone: str) -> int:
    """The seconds by which a zone such as +02:00 is before Greenwich."""
    digits = zone[1:].replace(":", "")
    return int(f"{zone[0]}1") * (3600 * int(digits[:2]) + 60 * int(digits[2:])) if digits.isdigit() else 0


def _ends(template: str, step: float) -> tuple[float, float]:
    """The first and the last second that can be written."""
    if template in LONG:
        return 0.0, LONGEST
    if "{Y:04}" not in template:
        return 0.0, 86400 - step
    first, last = date.min.toordinal() - EPOCH.toordinal(), date.max.toordinal() - EPOCH.toordinal()
    return 86400.0 * first, 86400.0 * (last + 1) - step


@functools.cache
def _pattern(template: str) -> re.Pattern[str]:
    """What cells of a template look like."""
    pieces, last = [], 0
    for found in PIECE.finditer(template):
        pieces += [re.escape(template[last : found.start()]), PARTS[found[0]]]
        last = found.end()
    return re.compile("".join(pieces) + re.escape(template[last:]), re.ASCII)
