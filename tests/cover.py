"""Few combinations instead of all."""

import itertools
from collections.abc import Iterator, Sequence


def pairwise(rows: Sequence[tuple]) -> list[tuple]:
    """Some of the rows in which every pair of values that stands in two columns of any row stands as well.

    Most faults need two causes to meet and hardly any needs three, so pairs are what a matrix of options is tried for.
    """
    missing, chosen = {pair for row in rows for pair in _pairs(row)}, []
    while missing:
        best = max(rows, key=lambda row: len(missing & set(_pairs(row))))
        missing -= set(_pairs(best))
        chosen.append(best)
    return chosen


def _pairs(row: tuple) -> Iterator[tuple]:
    return itertools.combinations(((column, str(value)) for column, value in enumerate(row)), 2)
