"""The one error of this package, and the help it gives with names."""

import difflib
from collections.abc import Iterable

__all__ = ["DataError", "nearest"]


class DataError(ValueError):
    """Data that cannot be used as it is: the message says what must hold, what was got and what to do."""


def nearest(word: str, words: Iterable[str]) -> str:
    """A closing sentence of help for a mistyped name: the nearest of the known words, or all of them.

    Example:
        >>> nearest("rign", ["ring", "grid"])
        "Did you mean 'ring'?"
        >>> nearest("zebra", ["ring", "grid"])
        "Choose among 'grid', 'ring'."
    """
    words = sorted(words)
    if close := difflib.get_close_matches(word, words, n=1):
        return f"Did you mean {close[0]!r}?"
    return f"Choose among {', '.join(map(repr, words))}." if words else "There is none to choose from."
