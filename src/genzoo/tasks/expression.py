"""Questions about x in words: `x[3] > 2 and mean(x) < 0`, `age > 40`, `norm(x)`.

A question is read by Python's parser and answered by walking its tree. What the tree may hold is a short list, so a
question can compute and do nothing else: there are no attributes, no calls but those named below, no assignment, and
nothing is ever evaluated by Python itself.

| | |
|---|---|
| values | numbers, `x`, `x[3]`, `x[-1]`, `x[0, 2:5]`, the columns of a table by name |
| cells | `kind == 'white'`, `day > '2024-02-29'`, `size >= 'medium'` of ordered words, beside the name of a column |
| arithmetic | `+ - * / % **`, the exponent a number from −16 to 16 |
| statements | `< <= > >= == !=` (also in chains), `in` and `not in` a list such as `('F', 'M')`, `and`, `or`, `not` |
| functions | `abs exp log sqrt`; `min max mean sum std norm` over all entries of a row; `min max` of several values |
"""

import ast
import difflib
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from genzoo.data.columns import is_number
from genzoo.tasks.names import identifier

__all__ = ["Column", "Expression", "ExpressionError", "Form", "number_of", "place_of"]

LONGEST, MOST_NODES, HIGHEST_POWER = 1000, 200, 16
WHOLE = "x"

Operation = Callable[..., Tensor]

ARITHMETIC: dict[type, Operation] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: torch.remainder,
    ast.Pow: operator.pow,
}
COMPARISONS: dict[type, Operation] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
SIGNS: dict[type, str] = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.NotEq: "!="}
EACH: dict[str, Operation] = {"abs": torch.abs, "exp": torch.exp, "log": torch.log, "sqrt": torch.sqrt}
OVER: dict[str, Operation] = {
    "min": lambda y: y.amin(1),
    "max": lambda y: y.amax(1),
    "mean": lambda y: y.mean(1),
    "sum": lambda y: y.sum(1),
    "std": lambda y: y.std(1, correction=0),
    "norm": lambda y: y.norm(dim=1),
}
SEVERAL: dict[str, Operation] = {"min": torch.minimum, "max": torch.maximum}
PARTS = (
    ast.Expression, ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.Compare, ast.Call, ast.Name, ast.Constant, ast.Subscript,
    ast.Slice, ast.Tuple, ast.Load, ast.And, ast.Or, ast.Not, ast.USub, ast.UAdd, *ARITHMETIC, *COMPARISONS,
)  # fmt: skip


class ExpressionError(ValueError):
    """A question that cannot be asked; the message marks the place."""


class Form(Protocol):
    """How numbers are written: as dates, with a currency.

    Attributes:
        unit: What is counted where the number itself is written nowhere, such as days of dates; else "".
    """

    @property
    def unit(self) -> str: ...

    def plain(self, cell: str) -> str:
        """The number in a cell; the cell, if it is none of the form."""

    def spelled(self, cell: str) -> str:
        """A number as a cell."""


class Column(NamedTuple):
    """A column of a table.

    Attributes:
        place: Which entry of x it is.
        words: The words that its numbers stand for, if any.
        whole: Whether it holds whole numbers only: what a model draws is rounded, as when it is written to a file.
        form: How its cells are written, where that is not as plain numbers.
        ordered: Whether its words stand in an order, from the least on.
    """

    place: int
    words: Sequence[str] = ()
    whole: bool = False
    form: Form | None = None
    ordered: bool = False


class Expression:
    """A function of rows of x, said in words.

    Args:
        text: The question.
        columns: The columns that can be named; a name that is no word is written with _ for its other characters.
            Where a column is called x, `x` alone is that column and `x[…]` the row.

    Attributes:
        is_event: Whether the answer is true or false.

    Raises:
        ExpressionError: If the question holds anything but what the list above allows, or is too long.

    Example:
        >>> x = torch.tensor([[1.0, 5.0], [3.0, 0.0]])
        >>> Expression("x[0] < 2 and max(x) > 4")(x).tolist(), Expression("norm(x)")(x).tolist()
        ([True, False], [5.099..., 3.0])
        >>> Expression("age > 40", {"age": Column(0)}).margin(torch.tensor([[38.0], [45.0]])).tolist()
        [-2.0, 5.0]
        >>> Expression("__import__('os')")
        Traceback (most recent call last):
        ...
        genzoo.tasks.expression.ExpressionError: The expression may call abs, exp, log, max, mean, min, norm, sqrt,
        std, sum, got »__import__('os')«. Leave it out.
    """

    def __init__(self, text: str, columns: Mapping[str, Column] | None = None) -> None:
        self.text = " ".join(text.split())
        self.spelled = {name: identifier(name) for name in columns or {}}
        exact_last = sorted(self.spelled, key=lambda name: name == self.spelled[name])
        self.columns = {self.spelled[name]: (columns or {})[name] for name in exact_last}
        self.tree = self._parsed()
        self._check()
        self.is_event = _is_statement(self.tree)

    @property
    def column(self) -> Column | None:
        """The column that is asked for, if it is one alone."""
        return self.columns.get(_name(self.tree))

    def __call__(self, x: Shaped[Tensor, "n *event"]) -> Shaped[Tensor, " n"]:
        """The answer for each row.

        Raises:
            ExpressionError: If it is not one number a row, or an index is out of range.
        """
        return self._of_rows(self._value(self.tree, x.double()), len(x))

    def _of_rows(self, y: Tensor, n: int) -> Shaped[Tensor, " n"]:
        if y.ndim > 1:
            fix = f"Take an entry of its {tuple(y.shape[1:])}, or mean(…), sum(…), max(…), norm(…) of it."
            raise self._error("must be one number a row", self.tree, fix)
        return y.expand(n)

    def margin(self, x: Shaped[Tensor, "n *event"]) -> Float[Tensor, " n"]:
        """How far a statement is from the edge of being true: above 0 where and only where it holds.

        A comparison has the difference of its sides, `and` the least of its parts, `or` the greatest.

        Raises:
            ExpressionError: If the expression is no statement, or not one a row.
        """
        if not self.is_event:
            raise self._error("must be a statement, true or false", self.tree, "Compare it with a number.")
        return self._of_rows(self._margin(self.tree, x.double()), len(x))

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"

    # --- reading --------------------------------------------------------------------------------------------------

    def _parsed(self) -> ast.expr:
        if len(self.text) > LONGEST:
            raise ExpressionError(f"An expression has at most {LONGEST} characters, got {len(self.text)}. Shorten it.")
        try:
            tree = ast.parse(self.text, mode="eval").body
        except SyntaxError as problem:
            place = (problem.offset or len(self.text)) - 1  # at the end it is 0, or one too many
            place = max(0, min(place, len(self.text) - 1))
            shown = f"{self.text[:place]}»{self.text[place : place + 1]}«{self.text[place + 1 :]}"
            fix = self._named("Write it as x[0] > 0, or age > 40 and income < 9.")
            raise ExpressionError(f"The expression must be readable, got {shown}: {problem.msg}. {fix}") from None
        except (RecursionError, MemoryError, ValueError) as problem:
            raise ExpressionError(f"The expression must be readable, got one that is not: {problem}.") from None

        if (count := sum(1 for _ in ast.walk(tree))) > MOST_NODES:
            raise ExpressionError(f"An expression has at most {MOST_NODES} parts, got {count}. Simplify it.")
        return _Listed().visit(tree)

    def _check(self) -> None:
        nodes = list(ast.walk(self.tree))
        texts = self._compared_words()
        functions = [node.func for node in nodes if isinstance(node, ast.Call)]
        compared = [side for node in nodes if isinstance(node, ast.Compare) for side in (node.left, *node.comparators)]
        for node in nodes:
            if not isinstance(node, PARTS):
                fix = self._named("Leave it out.")
                raise self._error("may hold numbers, x, comparisons and arithmetic", node, fix)
            match node:
                case ast.Call():
                    self._check_call(node)
                case ast.Name(id=name) if name not in self._names and node not in functions:
                    fix = self._named("Check the name.")
                    raise self._error(f"may name {', '.join(sorted(self._names))}", node, fix)
                case ast.Name(id=name) if (words := self.words_of(node)) and node not in compared:
                    raise self._error(f"must compare {name}, a word", node, f"Write {name} == {words[0]!r}.")
                case ast.Constant(value=value) if node not in texts and not _is_number(value):
                    fix = "Join statements by `and` and `or`." if re.search("[&|]", self.text) else "Write a number."
                    raise self._error("may hold finite numbers", node, fix)
                case ast.BinOp(op=ast.Pow(), right=power) if not _is_power(power):
                    raise self._error(f"may hold exponents from −{HIGHEST_POWER} to {HIGHEST_POWER}", node, "Use exp.")

    def _check_call(self, node: ast.Call) -> None:
        name, count = node.func.id if isinstance(node.func, ast.Name) else "", len(node.args)
        if name not in (*EACH, *OVER) or node.keywords:
            raise self._error(f"may call {', '.join(sorted({*EACH, *OVER}))}", node, self._named("Leave it out."))
        if count != 1 and not (count > 1 and name in SEVERAL):
            raise self._error(f"must give {name} one value", node, f"Got {count}.")

    def _compared_words(self) -> list[ast.expr]:
        """The texts in the tree that are allowed: those that a column of words is compared with."""
        found: list[ast.expr] = []
        for node in ast.walk(self.tree):
            if not isinstance(node, ast.Compare):
                continue
            for op, side in zip(node.ops, node.comparators, strict=True):
                if words := self.words_of(node.left):
                    name, is_ordered = _name(node.left), self.columns[_name(node.left)].ordered
                    may = is_ordered or isinstance(op, ast.Eq | ast.NotEq)
                    if not may or place_of(side, words) is None:
                        sign, signs = SIGNS.get(type(op), "==") if may else "==", "==, <, >" if is_ordered else "=="
                        must = f"must compare {name} by {signs} with one of {list(words)}"
                        raise self._error(must, node, f"Write {name} {sign} {_meant(side, words)!r}.")
                    found.append(side)
                elif self.cell_of(node.left, side) is not None:
                    found.append(side)
                else:
                    self._refuse_bare(node.left, side, node)
                    self._refuse_bare(side, node.left, node)
        return found

    def _refuse_bare(self, column: ast.expr, side: ast.expr, node: ast.Compare) -> None:
        """Refuses a number beside a column of dates: a year is no number of days."""
        known = self.columns.get(_name(column))
        if known is None or known.form is None or not known.form.unit or number_of(side) is None:
            return
        shown = known.form.spelled("0")
        must = f"must compare {_name(column)} with cells such as {shown!r}, not with a number of {known.form.unit}"
        raise self._error(must, node, f"Write it as {_name(column)} < {shown!r}.")

    def cell_of(self, left: ast.expr, side: ast.expr) -> float | None:
        """The number of a cell that a column is compared with; None if it is none."""
        column, text = self.columns.get(_name(left)), _text(side)
        if column is None or column.form is None or not text:
            return None
        try:
            return float(column.form.plain(text))
        except ValueError:
            numbers = "" if column.form.unit else "a number or "
            must = f"must compare {_name(left)} with {numbers}a cell such as {column.form.spelled('0')!r}"
            raise self._error(must, side, "Write it so.") from None

    # --- answering ------------------------------------------------------------------------------------------------

    def _value(self, node: ast.AST, x: Tensor) -> Tensor:
        match node:
            case ast.Constant(value=value):
                return torch.tensor([_real(value)], dtype=torch.float64, device=x.device)
            case ast.Name(id=name):
                return self._column(self.columns[name], x) if name in self.columns else x
            case ast.Subscript():
                return self._entry(node, x)
            case ast.UnaryOp(op=ast.Not(), operand=part):
                return ~self._truth(part, x)
            case ast.UnaryOp(op=sign, operand=part):
                y = _number(self._value(part, x))
                return -y if isinstance(sign, ast.USub) else y
            case ast.BinOp(left=left, op=op, right=right):
                a, b = _aligned(_number(self._value(left, x)), _number(self._value(right, x)))
                return self._fitting(ARITHMETIC[type(op)], node, a, b)
            case ast.BoolOp(op=op, values=parts):
                truths = [self._truth(part, x) for part in parts]
                combine = operator.and_ if isinstance(op, ast.And) else operator.or_
                return self._folded(combine, node, truths)
            case ast.Compare():
                truths = [self._fitting(COMPARISONS[type(op)], node, a, b) for op, a, b in self._sides(node, x)]
                return self._folded(operator.and_, node, truths)
            case ast.Call(func=ast.Name(id=name), args=args):
                return self._called(name, [_number(self._value(part, x)) for part in args], node)
        raise self._error("may hold numbers, x, comparisons and arithmetic", node, "Leave it out.")

    def _margin(self, node: ast.AST, x: Tensor) -> Tensor:
        match node:
            case ast.UnaryOp(op=ast.Not(), operand=part):
                return _within(-self._margin(part, x), True)
            case ast.BoolOp(op=op, values=parts):
                combine = torch.minimum if isinstance(op, ast.And) else torch.maximum
                return self._folded(combine, node, [self._margin(part, x) for part in parts])
            case ast.Compare():
                gaps = [_gap(op, a, b) for op, a, b in self._sides(node, x)]
                return self._folded(torch.minimum, node, gaps)
        raise self._error("must be a statement, true or false", node, "Compare it with a number.")

    def _sides(self, node: ast.Compare, x: Tensor) -> list[tuple[ast.cmpop, Tensor, Tensor]]:
        """The pairs of values that a chain of comparisons compares."""
        if words := self.words_of(node.left):
            y = self._value(node.left, x)
            places = [place_of(side, words) for side in node.comparators]
            return [(op, y, y.new_tensor([place])) for op, place in zip(node.ops, places, strict=True)]
        values = [_number(self._value(node.left, x))]
        for part in node.comparators:
            cell = self.cell_of(node.left, part)
            values.append(_number(self._value(part, x)) if cell is None else x.new_tensor([cell]))
        return [(op, *_aligned(a, b)) for op, a, b in zip(node.ops, values, values[1:], strict=False)]

    def _truth(self, node: ast.AST, x: Tensor) -> Tensor:
        y = self._value(node, x)
        if y.dtype != torch.bool:
            raise self._error("must join statements by and, or, not", node, "Compare it with a number.")
        return y

    def _entry(self, node: ast.Subscript, x: Tensor) -> Tensor:
        base = x if _name(node.value) == WHOLE else self._value(node.value, x)
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        try:
            return base[(slice(None), *map(_index, parts))]
        except (IndexError, ValueError, TypeError):
            raise self._error(f"must index the shape {tuple(base.shape[1:])}", node, "Count from 0.") from None

    def _column(self, column: Column, x: Tensor) -> Tensor:
        y = x[:, column.place]
        if column.words:
            return y.round().clamp(0, len(column.words) - 1)
        return y.round() if column.whole else y

    def _called(self, name: str, values: list[Tensor], node: ast.AST) -> Tensor:
        if name in EACH:
            return EACH[name](values[0])
        if len(values) > 1:
            return self._folded(SEVERAL[name], node, values)
        return OVER[name](values[0].flatten(1) if values[0].ndim > 1 else values[0][:, None])

    def _folded(self, combine: Operation, node: ast.AST, values: Sequence[Tensor]) -> Tensor:
        first, *others = values
        for other in others:
            first = self._fitting(combine, node, *_aligned(first, other))
        return first

    def _fitting(self, combine: Operation, node: ast.AST, a: Tensor, b: Tensor) -> Tensor:
        try:
            return combine(a, b)
        except RuntimeError:
            shapes = f"{tuple(a.shape[1:])} and {tuple(b.shape[1:])}"
            raise self._error(f"must join values of one shape, not {shapes}", node, "Take entries.") from None

    # --- words ----------------------------------------------------------------------------------------------------

    @property
    def _names(self) -> set[str]:
        return {WHOLE, *self.columns}

    def words_of(self, node: ast.AST) -> Sequence[str]:
        """The words of a column that a part of the tree names."""
        name = _name(node)
        return self.columns[name].words if name in self.columns else ()

    def _named(self, otherwise: str) -> str:
        """How a column is to be named that the text names otherwise; else what else is to be done."""
        odd = {name: spelled for name, spelled in self.spelled.items() if name != spelled and name in self.text}
        name = max(odd, key=len, default="")
        return f"Write {odd[name]} for the column {name!r}." if odd else otherwise

    def _error(self, must: str, node: ast.AST, fix: str = "Check it.") -> ExpressionError:
        return ExpressionError(f"The expression {must}, got {self._marked(node)}. {fix}")

    def _marked(self, node: ast.AST) -> str:
        """The text with the part of a node between marks."""
        text = self.text.encode()
        begin, end = getattr(node, "col_offset", 0), getattr(node, "end_col_offset", len(text))
        return b"".join([text[:begin], "»".encode(), text[begin:end], "«".encode(), text[end:]]).decode()


class _Listed(ast.NodeTransformer):
    """Membership in a list as what it is: equal to one of its members, or to none."""

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        self.generic_visit(node)
        match node:
            case ast.Compare(ops=[ast.In() | ast.NotIn() as op], left=left, comparators=[among]):
                members = among.elts if isinstance(among, ast.Tuple | ast.List | ast.Set) else [among]
                each = [ast.copy_location(ast.Compare(left, [ast.Eq()], [member]), node) for member in members]
                if each:
                    found = ast.copy_location(ast.BoolOp(ast.Or(), list[ast.expr](each)), node)
                    return found if isinstance(op, ast.In) else ast.copy_location(ast.UnaryOp(ast.Not(), found), node)
        return node


def _meant(side: ast.AST, words: Sequence[str]) -> str:
    """The word that was meant: one in no quotes, or the nearest to it."""
    said = _name(side) or _text(side)
    return next(iter(difflib.get_close_matches(said, words, n=1)), words[0])


def _is_statement(node: ast.AST) -> bool:
    match node:
        case ast.Compare() | ast.BoolOp() | ast.UnaryOp(op=ast.Not()):
            return True
    return False


def _name(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= 1e300


def _real(value: Any) -> float:
    return float(value)


def _text(node: ast.AST) -> str:
    """The words that a part of the tree is; none if it is no text."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def place_of(node: ast.AST, words: Sequence[str]) -> float | None:
    """The place among words of the one that a part of the tree is, blanks around it aside; None if it is none."""
    if (number := number_of(node)) is not None:
        return next((float(k) for k, word in enumerate(words) if is_number(word) and float(word) == number), None)
    text = _text(node)
    found = [place for place, word in enumerate(words) if word == text]
    found = found or [place for place, word in enumerate(words) if text and word.strip() == text.strip()]
    return float(found[0]) if found else None


def number_of(node: ast.AST) -> float | None:
    """The number that a part of the tree is, with its sign; None if it is none."""
    match node:
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=value)) if _is_number(value):
            return -_real(value)
        case ast.Constant(value=value) if _is_number(value):
            return _real(value)
    return None


def _is_power(node: ast.AST) -> bool:
    number = number_of(node)
    return number is not None and abs(number) <= HIGHEST_POWER


def _index(node: ast.AST) -> int | slice:
    if isinstance(node, ast.Slice):
        return slice(*(None if part is None else _index_number(part) for part in (node.lower, node.upper, node.step)))
    return _index_number(node)


def _index_number(node: ast.AST) -> int:
    number = number_of(node)
    if number is None or number != int(number):
        raise TypeError("an index is a whole number")
    return int(number)


def _gap(op: ast.cmpop, a: Tensor, b: Tensor) -> Tensor:
    """How far a comparison is from its edge."""
    match op:
        case ast.Gt() | ast.GtE():
            return _within(a - b, isinstance(op, ast.GtE))
        case ast.Lt() | ast.LtE():
            return _within(b - a, isinstance(op, ast.LtE))
        case ast.Eq():
            return _within(-(a - b).abs(), True)
    return (a - b).abs()


def _within(gap: Tensor, edge: bool) -> Tensor:
    """A gap that is just above 0 on the edge, if the edge belongs to the statement."""
    return torch.where(gap == 0, torch.finfo(gap.dtype).tiny, gap) if edge else gap


def _number(y: Tensor) -> Tensor:
    return y.double() if y.dtype == torch.bool else y


def _aligned(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Two values whose rows meet: the one with fewer axes gets them at its end."""
    axes = max(a.ndim, b.ndim)
    return tuple(y.reshape(*y.shape, *[1] * (axes - y.ndim)) for y in (a, b))  # type: ignore[return-value]
