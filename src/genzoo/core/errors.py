"""Errors about data, part of the contract: what is wrong with which columns, and the help they give with names."""

from collections.abc import Iterable, Sequence

from jaxtyping import Float
from torch import Tensor

from genzoo._words import closest

__all__ = ["ColumnError", "DataError", "nearest", "refuse_infinite"]


class DataError(ValueError):
    """Data that cannot be used as it is: the message says what must hold, what was got and what to do."""


class ColumnError(DataError):
    """Some columns that cannot be used as they are, by number; who knows their names can put them in.

    Args:
        columns: Their numbers, from 0.
        cause: What they must be and what was got, to go on from "Column 3 …".
        fix: What to do.
        names: Of all columns, where they are known.

    Example:
        >>> error = ColumnError([1], "must vary, got one value in all rows.", "Drop it.")
        >>> print(error)
        Column 1 (counted from 0) must vary, got one value in all rows. Drop it.
        >>> print(error.named(["age", "year"]))
        Column 'year' must vary, got one value in all rows. Drop it.
    """

    def __init__(self, columns: Sequence[int], cause: str, fix: str, names: Sequence[str] | None = None) -> None:
        shown = [str(column) if names is None else repr(names[column]) for column in columns[:5]]
        more = f" and {len(columns) - 5} more" if len(columns) > 5 else ""
        which = f"Column{'s' if len(columns) > 1 else ''} {', '.join(shown)}{more}"
        super().__init__(f"{which}{' (counted from 0)' if names is None else ''} {cause} {fix}")
        self.columns, self.cause, self.fix = list(columns), cause, fix

    def named(self, names: Sequence[str]) -> "ColumnError":
        """The same with the columns' names."""
        return ColumnError(self.columns, self.cause, self.fix, names)


def nearest(word: str, words: Iterable[str]) -> str:
    """A closing sentence of help for a mistyped name: the nearest of the known words, or all of them.

    Example:
        >>> nearest("rign", ["ring", "grid"])
        "Did you mean 'ring'?"
        >>> nearest("zebra", ["ring", "grid"])
        "Choose among 'grid', 'ring'."
    """
    words = sorted(words)
    if close := closest(word, words):
        return f"Did you mean {close!r}?"
    return f"Choose among {', '.join(map(repr, words))}." if words else "There is none to choose from."


def refuse_infinite(x: Float[Tensor, "B D"], *, lacking: bool = False) -> None:
    """Raises if an entry is infinite, or missing where none may be.

    Args:
        x: Rows, the missing entries as NaN.
        lacking: Whether entries may be missing.

    Raises:
        ColumnError: Naming the columns.

    Example:
        >>> import torch
        >>> refuse_infinite(torch.tensor([[1.0, torch.inf]]))
        Traceback (most recent call last):
        ...
        genzoo.core.errors.ColumnError: Column 1 (counted from 0) must be finite, got infinite values. Drop those ...
    """
    if x.sum().isfinite():  # one look for all of them
        return
    if bad := x.isinf().any(0).nonzero().flatten().tolist():
        raise ColumnError(bad, "must be finite, got infinite values.", "Drop those rows, or clip them.")
    if not lacking and (bad := x.isnan().any(0).nonzero().flatten().tolist()):
        raise ColumnError(
            bad, "must have a value in every row, got missing ones.", "Drop or impute them, or take gaussian_mixture."
        )
