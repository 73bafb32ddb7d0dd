"""Words that were mistyped."""

import difflib
from collections import Counter
from collections.abc import Iterable

__all__ = ["closest"]


def closest(word: str, words: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """The word most like another, of several alike the one nearest in length, then that of the same letters; None if
    none is like it.

    Example:
        >>> closest("vea", ["vae", "var", "veegan"])
        'vae'
    """
    likeness = difflib.SequenceMatcher(b=word)

    def alike(known: str) -> tuple[float, int, int]:
        likeness.set_seq1(known)
        return likeness.ratio(), -abs(len(known) - len(word)), (Counter(known) & Counter(word)).total()

    return max(difflib.get_close_matches(word, list(words), n=4, cutoff=cutoff), key=alike, default=None)
