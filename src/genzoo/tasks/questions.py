"""Statements in words, taken apart into boxes that share no row: `age > 60 and sex == 'F'`.

What a statement is made of must be comparisons of one entry with numbers or words; a disjunction is its first part and
what of the second lies outside of it, a negation all boxes outside of a box, one for each of its sides.
"""

import ast
import functools
import math
import re
from collections.abc import Callable, Mapping, Sequence

from genzoo.core.space import Space
from genzoo.distributions.region import Range, Region, overlap
from genzoo.tasks.expression import Expression, number_of, place_of

__all__ = ["boxes", "spoken"]

MOST = 4096
Side = Range | frozenset[int]
Box = dict[int, Side]


class _NoBox(Exception):
    """A statement that is none of boxes."""


def boxes(asked: Expression, space: Space, steps: Mapping[int, float] | None = None) -> list[Region] | None:
    """The boxes that a statement about rows is made of; None if it is made of others, or of too many.

    Args:
        asked: The statement.
        space: What a row is.
        steps: By entry of reals, what its values are rounded to when they are written: the statement is about these.

    Example:
        >>> from genzoo.tasks.expression import Column
        >>> space, columns = Space((2,)), {"age": Column(0), "weight": Column(1)}
        >>> found = boxes(Expression("age > 60 or weight < 50", columns), space)
        >>> [{entry: str(part) for entry, part in box.items()} for box in found]
        [{0: '(60, inf]'}, {0: '[-inf, 60]', 1: '[-inf, 50)'}]
        >>> boxes(Expression("age > weight", columns), space) is None
        True
    """
    try:
        found = _Walk(asked, space).boxes(asked.tree)
    except _NoBox:
        return None
    return [{entry: _stepped(part, (steps or {}).get(entry)) for entry, part in sorted(box.items())} for box in found]


def spoken(text: str) -> str:
    """A statement as people who know databases write it, as one that is read: `=` is `==`, AND is and, <> is !=.

    Args:
        text: The statement; what stands in quotes is left as it is.

    Example:
        >>> spoken("sex = 'F=M' AND age >= 60")
        "sex == 'F=M' and age >= 60"
    """
    parts = re.split(r"('[^']*'|\"[^\"]*\")", text)
    for place in range(0, len(parts), 2):
        part = re.sub(r"(?<![<>=!])=(?!=)", "==", parts[place].replace("<>", "!="))
        parts[place] = re.sub(r"\b(AND|OR|NOT|IN)\b", lambda found: found[0].lower(), part)
    return "".join(parts)


class _Walk:
    """The boxes of the parts of a statement."""

    def __init__(self, asked: Expression, space: Space) -> None:
        self.asked, self.space = asked, space

    def boxes(self, node: ast.AST) -> list[Box]:
        match node:
            case ast.BoolOp(op=ast.And(), values=parts):
                return self._few(functools.reduce(self._both, map(self.boxes, parts)))
            case ast.BoolOp(op=ast.Or(), values=parts):
                return self._few(functools.reduce(self._either, map(self.boxes, parts)))
            case ast.UnaryOp(op=ast.Not(), operand=part):
                return self._outside(self.boxes(part))
            case ast.Compare():
                pairs = zip(node.ops, [node.left, *node.comparators], node.comparators, strict=False)
                found = [self._compared(op, left, right, node) for op, left, right in pairs]
                return functools.reduce(self._both, found)
        raise _NoBox

    def _few(self, found: list[Box]) -> list[Box]:
        if len(found) > MOST:
            raise _NoBox
        return found

    def _both(self, first: Sequence[Box], second: Sequence[Box]) -> list[Box]:
        if len(first) * len(second) > MOST:
            raise _NoBox
        return [box for a in first for b in second if (box := self._meeting(a, b)) is not None]

    def _either(self, first: Sequence[Box], second: Sequence[Box]) -> list[Box]:
        return [*first, *self._both(second, self._outside(first))]

    def _outside(self, found: Sequence[Box]) -> list[Box]:
        """The boxes of the rows that are in none of some boxes."""
        return functools.reduce(self._both, map(self._around, found), [{}])

    def _around(self, box: Box) -> list[Box]:
        """The boxes outside of one: by the first of its entries that is not as it should be."""
        entries = list(box)
        return [
            {entry: box[entry] for entry in entries[:place]} | {last: side}
            for place, last in enumerate(entries)
            for side in self._beside(last, box[last])
        ]

    def _beside(self, entry: int, side: Side) -> list[Side]:
        if isinstance(side, frozenset):
            rest = self._levels(entry) - side
            return [rest] if rest else []
        low = Range(high=side.low, below=not side.above)
        high = Range(low=side.high, above=not side.below)
        return [part for part in (low, high) if not _is_empty(part) and part.low < math.inf and part.high > -math.inf]

    def _meeting(self, a: Box, b: Box) -> Box | None:
        """What lies in both boxes."""
        found = dict(a)
        for entry, side in b.items():
            side = _overlap(found[entry], side) if entry in found else side
            if _is_empty(side):
                return None
            found[entry] = side
        return found

    # --- comparisons ----------------------------------------------------------------------------------------------

    def _compared(self, op: ast.cmpop, left: ast.expr, right: ast.expr, whole: ast.Compare) -> list[Box]:
        if (entry := self._entry(left)) is not None:
            value = self._value(whole.left, right)
        elif (entry := self._entry(right)) is not None:
            value, op = self._value(right, left), MIRRORED.get(type(op), type(op))()
        if entry is None or value is None:
            raise _NoBox
        found = [{entry: side} for side in self._sides(op, entry, value)]
        return [box for box in found if not _is_empty(box[entry])]

    def _sides(self, op: ast.cmpop, entry: int, value: float) -> list[Side]:
        intervals = SIDES[type(op)](value)
        if not (levels := self._levels(entry)):
            return list(intervals)
        return [frozenset(k for k in levels if any(_holds(part, k) for part in intervals))]

    def _value(self, column: ast.expr, side: ast.expr) -> float | None:
        """The number that an entry is compared with; words are the places of theirs."""
        if words := self.asked.words_of(column):
            return place_of(side, words)
        cell = self.asked.cell_of(column, side)
        return number_of(side) if cell is None else cell

    def _entry(self, node: ast.AST) -> int | None:
        """The entry that a part of a statement names, if it is one alone."""
        match node:
            case ast.Name(id=name) if name in self.asked.columns:
                return self.asked.columns[name].place
            case ast.Subscript(value=ast.Name(id="x"), slice=place) if len(self.space.shape) == 1:
                number = number_of(place)
                if number is not None and -self.space.dims <= number < self.space.dims:
                    return int(number) % self.space.dims
        return None

    def _levels(self, entry: int) -> frozenset[int]:
        """The levels of an entry; none of numbers."""
        column = None if self.space.columns is None else self.space.columns[entry]
        return frozenset(range((self.space.levels if column is None else column.levels) or 0))


MIRRORED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.Gt,
    ast.LtE: ast.GtE,
    ast.Gt: ast.Lt,
    ast.GtE: ast.LtE,
}
SIDES: dict[type[ast.cmpop], Callable[[float], tuple[Range, ...]]] = {
    ast.Lt: lambda value: (Range(high=value, below=True),),
    ast.LtE: lambda value: (Range(high=value),),
    ast.Gt: lambda value: (Range(low=value, above=True),),
    ast.GtE: lambda value: (Range(low=value),),
    ast.Eq: lambda value: (Range(value, value),),
    ast.NotEq: lambda value: (Range(high=value, below=True), Range(low=value, above=True)),
}


def _holds(part: Range, value: float) -> bool:
    over = value > part.low if part.above else value >= part.low
    return over and (value < part.high if part.below else value <= part.high)


def _is_empty(side: Side) -> bool:
    if isinstance(side, frozenset):
        return not side
    return side.low > side.high or (side.low == side.high and (side.above or side.below))


def _overlap(a: Side, b: Side) -> Side:
    if isinstance(a, frozenset) and isinstance(b, frozenset):
        return a & b
    assert isinstance(a, Range)
    assert isinstance(b, Range)
    return overlap(a, b)


def _stepped(part: Side, step: float | None) -> Side:
    """The numbers that are written as those of an interval."""
    if step is None or isinstance(part, frozenset):
        return part
    first, last = _place(part.low / step, part.above), -_place(-part.high / step, part.below)
    return Range((first - 0.5) * step, (last + 0.5) * step, below=True)


def _place(end: float, is_out: bool) -> float:
    """The least whole number from an end on; one within rounding of a whole number is that."""
    if math.isinf(end):
        return end
    end = float(round(end)) if abs(end - round(end)) < 1e-6 else end
    return math.floor(end) + 1.0 if is_out else float(math.ceil(end))
