"""Words: what was mistyped, and NAME=VALUE, where names may hold anything."""

import difflib
import re
from collections import Counter
from collections.abc import Iterable

__all__ = ["closest", "named", "quoted"]

QUOTED = re.compile(r'"((?:[^"]|"")+)"(=?)(.*)', re.DOTALL)


def named(word: str) -> tuple[str, bool, str]:
    """The name of NAME or NAME=VALUE, whether there is a value, and that. A name that holds = stands in quotes.

    Example:
        >>> named("k=v"), named('"k=v"=3'), named('"k=v"')
        (('k', True, 'v'), ('k=v', True, '3'), ('k=v', False, ''))
    """
    if found := QUOTED.fullmatch(word):
        name, equals, value = found.groups()
        if equals or not value:
            return name.replace('""', '"'), bool(equals), value
    name, equals, value = word.partition("=")
    return name, bool(equals), value


def quoted(name: str) -> str:
    """A name as `named` reads it.

    Example:
        >>> quoted("kind"), quoted("k=v")
        ('kind', '"k=v"')
    """
    return '"' + name.replace('"', '""') + '"' if "=" in name or name.startswith('"') else name


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
