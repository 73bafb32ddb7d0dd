"""Words of one file that another writes otherwise: `<=50K.` in the test rows, `<=50K` in the training rows."""

import functools
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from genzoo.data.cells import Numbers, different, kept, mapped
from genzoo.data.columns import is_number

__all__ = ["written_alike"]


def written_alike(
    columns: Mapping[str, Sequence[str]], used: Collection[str], train: np.ndarray, *, most: int
) -> tuple[dict[str, Sequence[str]], list[str]]:
    """Columns in which words that training rows lack are those that they have, and what was decided.

    That is so where case, spaces or a last dot are all that tells each from one that other rows never have.

    Args:
        columns: The cells of each column.
        used: Those that are looked at.
        train: The rows of the training file.
        most: The most words of a column.

    Example:
        >>> cells = ["<=50K", ">50K", "<=50K.", ">50K."]
        >>> columns, notes = written_alike({"pay": cells}, ["pay"], np.array([0, 1]), most=9)
        >>> columns["pay"], len(notes)
        (['<=50K', '>50K', '<=50K', '>50K'], 1)
    """
    found, notes = dict(columns), list[str]()
    for name in used:
        cells = columns[name]
        if isinstance(cells, Numbers) or len(different(cells)) > most:
            continue
        others = np.setdiff1d(np.arange(len(cells)), train)
        known, elsewhere = (set(filter(None, different(kept(cells, rows)))) for rows in (train, others))
        alike = _alike(known, sorted(elsewhere - known))
        if alike and not elsewhere & set(alike.values()):
            found[name] = mapped(cells, functools.partial(_as_known, alike))
            told = ", ".join(f"{word!r} as {same!r}" for word, same in list(alike.items())[:3])
            notes.append(f"column {name!r} is written as training rows write it: {told}")
    return found, notes


def _alike(known: Collection[str], new: Sequence[str]) -> dict[str, str]:
    """The known word that each new one is, if each is one and no two are the same."""
    if any(is_number(word) for word in (*known, *new)):
        return {}
    plain: dict[str, list[str]] = {}
    for word in known:
        plain.setdefault(_plain(word), []).append(word)
    found = {word: plain.get(_plain(word), []) for word in new}
    if any(len(words) != 1 for words in found.values()) or len({words[0] for words in found.values()}) < len(new):
        return {}
    return {word: words[0] for word, words in found.items()}


def _as_known(alike: Mapping[str, str], cell: str) -> str:
    return alike.get(cell, cell)


def _plain(word: str) -> str:
    return word.strip().removesuffix(".").strip().casefold()
