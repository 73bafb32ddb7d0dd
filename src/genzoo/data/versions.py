"""Conditions that come in several versions, as captions in two languages: `text=caption|caption_zh`.

Of every row one version is drawn anew in every epoch, keyed by (seed, epoch, row); validation and test see one that is
drawn once. Versions are spelled by their characters, whatever their columns were, so all of them have one vocabulary.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Int, Shaped
from torch import Tensor
from torch.nn.functional import pad

from genzoo._words import named
from genzoo.core import Noise
from genzoo.core.errors import DataError, nearest
from genzoo.data.codecs.text import CharacterCodec, SpellingCodec
from genzoo.data.source import Condition, Source
from genzoo.data.view import View

__all__ = ["Called", "Versions", "called", "with_versions"]


class Called(NamedTuple):
    """What conditions are called, and of which columns they are made.

    Attributes:
        names: What they are called.
        columns: The columns of each.
        versions: The names of those that were written NAME=COLUMN|COLUMN.
    """

    names: tuple[str, ...]
    columns: tuple[tuple[str, ...], ...]
    versions: tuple[str, ...]

    @property
    def all_columns(self) -> tuple[str, ...]:
        """Every column that is needed."""
        return tuple(dict.fromkeys(column for columns in self.columns for column in columns))


def called(wanted: Sequence[str]) -> Called:
    """Conditions as they were asked for.

    Args:
        wanted: Names, or NAME=COLUMN|COLUMN; a name that holds = stands in quotes.

    Raises:
        DataError: If a name or a column is empty, or a name comes twice.

    Example:
        >>> called(["text=name|name_zh", "style"]).columns
        (('name', 'name_zh'), ('style',))
    """
    parts = {name: (name, equals, columns) for name, equals, columns in map(named, wanted)}
    columns = tuple(tuple(rest.split("|")) if equals else (name,) for name, equals, rest in parts.values())
    if len(parts) < len(wanted) or not all(all(names) for names in columns) or not all(parts):
        raise DataError(f"`given` must be NAME or NAME=COLUMN|COLUMN, each name once, got {list(wanted)}. Mend it.")
    return Called(tuple(parts), columns, tuple(name for name, part in parts.items() if part[1]))


class Versions(View):
    """Rows as they are, or as another view sees them, with one version of their condition drawn in every epoch.

    Args:
        source: The rows, or a view of them.
        stacks: Every version of each condition, by its name.
        words: What the versions are, for the name of the view.

    Example:
        >>> view = Versions(torch.zeros(4, 1), {"text": torch.tensor([[[5], [7]]]).expand(4, 2, 1)}, "text=a|b")
        >>> some = torch.arange(4)
        >>> epochs = [view.beside("text", some[:, None], some, seed=0, epoch=epoch) for epoch in range(9)]
        >>> torch.cat(epochs).unique().tolist()
        [5, 7]
    """

    def __init__(self, source: Shaped[Tensor, "n *shape"] | View, stacks: Mapping[str, Tensor], words: str) -> None:
        self.source, self.stacks, self.words = source, stacks, words

    @property
    def name(self) -> str:
        before = f"{self.source.name}, " if isinstance(self.source, View) else ""
        return f"{before}versions {self.words}"

    def rows(self, numbers: Int[Tensor, " n"], seed: int, epoch: int) -> Shaped[Tensor, "n *shape"]:
        source = self.source
        return source.rows(numbers, seed, epoch) if isinstance(source, View) else source.index_select(0, numbers)

    def beside(self, name: str, given: Tensor, numbers: Int[Tensor, " n"], seed: int, epoch: int) -> Tensor:
        if isinstance(self.source, View):
            given = self.source.beside(name, given, numbers, seed, epoch)
        if name not in self.stacks:
            return given
        noise = Noise(seed, "versions", name, epoch).rows(numbers)
        return _one(self.stacks[name].index_select(0, numbers), noise)


def with_versions(source: Source, wanted: Called) -> tuple[Source, dict[str, Tensor]]:
    """The source with conditions in one version, drawn once, and every version of them.

    Args:
        source: What was read.
        wanted: What was asked for.

    Raises:
        DataError: If a column is unknown, or holds numbers.
    """
    conditions, stacks = dict(source.conditions), dict[str, Tensor]()
    for name, columns in zip(wanted.names, wanted.columns, strict=True):
        if name not in wanted.versions:
            continue
        parts = [_spelled(source, column) for column in columns]
        rows = [part.rows for part in parts]
        seen = {char for part in parts if isinstance(part.codec, CharacterCodec) for char in part.codec.seen}
        codec = CharacterCodec("".join(sorted(seen)))
        longest = max(part.shape[1] for part in rows)
        stack = torch.stack([pad(part, (0, longest - part.shape[1]), value=codec.levels) for part in rows], 1)
        conditions[name] = Condition(_one(stack, Noise(0, "versions", name)), codec.space(longest), codec=codec)
        stacks[name] = stack
    return dataclasses.replace(source, conditions=conditions), stacks


def _one(stack: Int[Tensor, "n versions T"], noise: Noise) -> Int[Tensor, "n T"]:
    """One version of each row."""
    return stack[torch.arange(len(stack)), noise.integers(stack.shape[1], len(stack))]


def _spelled(source: Source, column: str) -> Condition:
    """A column of words by their characters."""
    if column not in source.conditions:
        raise DataError(f"`given` must name something that {source.name} has beside x, got {column!r}. "
                        f"{nearest(column, source.conditions)}")  # fmt: skip
    found = source.conditions[column]
    if isinstance(found.codec, CharacterCodec):
        return found
    if isinstance(found.codec, SpellingCodec):
        return Condition.from_texts(found.codec.texts(found.rows))
    if found.classes is None or found.rows.ndim > 1:
        raise DataError(f"A version of a text must hold words, got {column!r}, {found.space}. Name it by itself.")
    return Condition.from_texts(["" if k < 0 else found.classes[k] for k in found.rows.tolist()])
