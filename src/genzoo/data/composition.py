"""The composition split: some pairs of levels never train, though each level does, as in `color*shape:0.2`.

Of the cells of a cross of columns that occur among the rows that train, a share is withheld, spread evenly over the
levels and else by a hash of their words. Every row with one of them, wherever it was, is in the split "held_out": what
a model makes of them tells whether it puts together what it has only seen apart.

References:
    Lake & Baroni, 2018, "Generalization without systematicity", arXiv:1711.00350 (commands whose parts were seen)
    Okawa, Lubana, Dick & Tanaka, 2023, "Compositional abilities emerge multiplicatively", arXiv:2310.09336 (pictures)
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Int
from torch import Tensor

from genzoo.core.errors import DataError, nearest
from genzoo.data.codecs.text import SpellingCodec
from genzoo.data.source import Condition
from genzoo.data.split import content_words

__all__ = ["HELD_OUT", "Composition", "composed", "crossed"]

HELD_OUT = "held_out"


class Composition(NamedTuple):
    """What is withheld.

    Attributes:
        splits: Row numbers by split, those of withheld cells in "held_out".
        cells: The withheld cells, as words.
    """

    splits: dict[str, Int[Tensor, " k"]]
    cells: tuple[tuple[str, ...], ...]


def composed(asked: str, conditions: Mapping[str, Condition], splits: Mapping[str, Int[Tensor, " k"]]) -> Composition:
    """Withholds a share of the cells of a cross of columns.

    Args:
        asked: COLUMN*COLUMN:SHARE.
        conditions: The columns, labels or words; of several labels in a row, those in the same place are a cell.
        splits: Row numbers by split.

    Raises:
        DataError: If it is written otherwise, a column is unknown or holds reals, or a level would no longer train.

    Example:
        >>> from genzoo.core import Space
        >>> color = Condition(torch.arange(100) % 5, Space((), 5), [*"abcde"])
        >>> shape = Condition(torch.arange(100) // 5 % 2, Space((), 2), [*"uv"])
        >>> composed("color*shape:0.2", {"color": color, "shape": shape}, {"train": torch.arange(100)}).cells
        (('c', 'v'), ('e', 'u'))
    """
    names, share = _read(asked, conditions)
    found = [_levels(name, conditions[name]) for name in names]
    rows, words = [each for each, _ in found], [each for _, each in found]
    if len({each.shape for each in rows}) > 1:
        raise DataError(f"`hold_out` must cross columns of as many labels, got {asked!r}. Name others.")
    of_rows = torch.stack(rows, 2)  # (n, labels in a row, names)
    train = of_rows[splits["train"]].flatten(0, 1)
    cells = train[(train >= 0).all(1)].unique(dim=0)
    spelled = [tuple(part[k] for part, k in zip(words, cell, strict=True)) for cell in cells.tolist()]
    chosen = _chosen(asked, cells.tolist(), spelled, round(share * len(cells)))
    withheld = (of_rows[:, :, None] == cells[chosen]).all(3).flatten(1).any(1)
    kept = {name: index[~withheld[index]] for name, index in splits.items()}
    _check_levels(asked, names, words, train, of_rows[kept["train"]].flatten(0, 1))
    kept[HELD_OUT] = torch.cat([index[withheld[index]] for index in splits.values()])
    return Composition(kept, tuple(sorted(spelled[k] for k in chosen)))


def crossed(asked: str) -> list[str]:
    """The columns that are crossed.

    Args:
        asked: COLUMN*COLUMN:SHARE.

    Raises:
        DataError: If it is written otherwise.

    Example:
        >>> crossed("color*shape:0.2")
        ['color', 'shape']
    """
    match = re.fullmatch(r"([^*:]+(?:\*[^*:]+)+):(\d*\.?\d+)", asked.replace(" ", ""))
    if match is None or not 0 < float(match[2]) < 1:
        raise DataError(f"`hold_out` must be COLUMN*COLUMN:SHARE, a share in (0, 1), got {asked!r}. "
                        "Write it as color*shape:0.2.")  # fmt: skip
    return match[1].split("*")


def _read(asked: str, conditions: Mapping[str, Condition]) -> tuple[list[str], float]:
    names = crossed(asked)
    for name in names:
        if name not in conditions:
            raise DataError(f"`hold_out` must name columns beside x, got {name!r}. {nearest(name, conditions)}")
    return names, float(asked.rpartition(":")[2])


def _levels(name: str, condition: Condition) -> tuple[Int[Tensor, "n k"], list[str]]:
    """The level of each label of each row, −1 where it is missing, and what each is called."""
    if isinstance(condition.codec, SpellingCodec):
        texts = condition.codec.texts(condition.rows)
        place = {text: k for k, text in enumerate(sorted(set(texts)))}
        return torch.tensor([place[text] for text in texts])[:, None], list(place)
    if condition.space.levels is None or condition.rows.ndim > 2:
        raise DataError(f"`hold_out` must cross labels or words, got {name!r}, {condition.space}. Name others.")
    rows = condition.rows.long().reshape(len(condition.rows), -1)
    return rows, condition.classes or [str(k) for k in range(condition.space.levels)]


def _chosen(asked: str, cells: Sequence[Sequence[int]], spelled: Sequence[tuple[str, ...]], count: int) -> list[int]:
    """Which cells are withheld: one after the other one of whose levels the least has been withheld."""
    there, gone = [dict[int, int]() for _ in cells[0]] if cells else [], dict[tuple[int, int], int]()
    for cell in cells:
        for axis, level in enumerate(cell):
            there[axis][level] = there[axis].get(level, 0) + 1
    hashes = content_words(("\0".join(words).encode() for words in spelled), "hold out").tolist()

    def cost(k: int) -> tuple[float, int]:
        shares = [(gone.get((axis, level), 0) + 1) / there[axis][level] for axis, level in enumerate(cells[k])]
        return max(shares), hashes[k]

    chosen, left = list[int](), set(range(len(cells)))
    for _ in range(max(1, count)):
        best = min(left, key=cost, default=None)
        if best is None or cost(best)[0] >= 1:
            lost = "any level" if best is None else " or ".join(spelled[best])
            raise DataError(f"Each level must still train, but {asked!r} withholds all of {lost}. Lower the share.")
        for place in enumerate(cells[best]):
            gone[place] = gone.get(place, 0) + 1
        left.remove(best)
        chosen.append(best)
    return chosen


def _check_levels(
    asked: str, names: Sequence[str], words: Sequence[Sequence[str]], before: Tensor, after: Tensor
) -> None:
    """Refuses what leaves no training row of some level: its rows may have held withheld cells beside."""
    for axis, name in enumerate(names):
        lost = set(before[:, axis].tolist()) - set(after[:, axis].tolist()) - {-1}
        if lost:
            word = words[axis][min(lost)]
            raise DataError(f"Each level must still train, but {asked!r} leaves no row of {name} {word}. Lower it.")
