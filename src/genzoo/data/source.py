"""What a reader is asked and what it answers.

A reader is a plain function from a source and an `Asked` to a `Source`: every row, every condition that it could find,
its own splits. Which conditions are used, how missing splits are made and how the rows are viewed is the same for all
sources and done once, in `genzoo.data.reading`.
"""

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypedDict, TypeVar

import numpy as np
import torch
from jaxtyping import Int, Shaped
from torch import Tensor

from genzoo.core import Space
from genzoo.core.errors import DataError
from genzoo.data.cells import Numbers, different, looked_up
from genzoo.data.codec import Codec
from genzoo.data.columns import is_number, numbers
from genzoo.data.pixels import Color
from genzoo.data.readers.arrays import loses_digits
from genzoo.data.view import View

__all__ = [
    "EVERY",
    "READERS",
    "Asked",
    "Color",
    "Condition",
    "Decimal",
    "Encoding",
    "Fit",
    "Missing",
    "Options",
    "Reader",
    "Source",
    "Takes",
    "Unit",
    "reader",
]

MOST_CLASSES = 100
EVERY = ("*",)  # in place of names: everything that is not x
Fit = Literal["crop", "pad", "resize"]
Missing = Literal["error", "drop", "impute", "keep"]
Decimal = Literal[".", ","]
Dates = Literal["day first", "month first"]
Unit = Literal["chars", "bytes", "bpe", "atoms", "selfies"]
Encoding = Literal["raw", "mulaw"]


class Options(TypedDict, total=False):
    """What `read` takes beyond roles: the further fields of `Asked`, where they are described."""

    levels: int
    window: int
    paired: bool
    skip_bad: bool
    size: int | tuple[int, int]
    fit: Fit
    color: Color
    header: bool
    missing: Missing
    kinds: str | Mapping[str, str]
    na: str
    decimal: Decimal
    dates: Dates
    group: str
    labels: str
    unit: Unit
    vocabulary: int
    lines: bool
    length: int
    rate: int
    encoding: Encoding
    horizon: int
    history: int
    stride: int
    roll: bool
    frames: int
    hold_out: str
    heavy_atoms: int


@dataclasses.dataclass(frozen=True)
class Asked:
    """What the user said about a source.

    Attributes:
        given: The names of the conditions; "*" for everything that is not x.
        x: The names of the columns or arrays that make x; empty for what is natural.
        levels: The number of values an entry of x takes, where the source cannot tell.
        window: The length of the stretches that a long text, or a protein's backbone, is cut into.
        paired: Whether a row of x and a row of its condition belong together; if not, they are two sets.
        skip_bad: Leave out what cannot be read, in place of an error; the rest keep their order.
        size: Images become this high and wide, one number for both.
        fit: How they do: "crop" the middle, "pad" with black (transparent, where there is an alpha), or "resize".
        color: Images become "grey", "rgb" or "rgba".
        header: Whether the first line of a table names its columns; None: judged by its look.
        missing: What becomes of missing cells of a table: an "error", "drop" their rows, "impute" them, "keep" NaN.
        kinds: What columns of a table are, where their look is not to decide, as "age:real,zip:categorical": real,
            integer, ordered or categorical, or words in their order, "size:small<medium<large".
        na: The words, with commas between, that say that a cell of a table is missing, beside an empty one; None: ?,
            NA, N/A, NaN, NULL and their like.
        decimal: Whether numbers of a table have a decimal "." or ",".
        dates: Whether in dates such as 1/2/2026 the "day first" or the "month first" is written; None: as numbers
            above 12 say, and refused where none does.
        group: The column of a table whose equal cells stay in one split, as the rows of one subject; it is no part of
            x unless it is named.
        labels: A file with what else is known of the rows, in their order: an array of labels (`.npy`), arrays by name
            (`.npz`) or a table; of a folder of files, a table that names each row's file in a column.
        unit: What a text is cut into: "chars", "bytes", "bpe" (tokens learned from training rows), and for molecules
            "atoms" (Cl, Br and [nH] are one) or "selfies"; None: atoms for molecules, else chars.
        vocabulary: The number of tokens that "bpe" learns.
        lines: Whether each line of a text file is a row; None: judged by its look.
        length: Texts are cut to at most so many units; sounds are cut or padded with silence to so many samples.
        rate: Sounds are resampled to so many samples per second.
        encoding: Sounds become "raw" reals in [−1, 1] or the 256 levels of "mulaw".
        horizon: The number of steps of a trajectory in x, from now on.
        history: The number of steps of a trajectory in its condition, up to now.
        stride: Every so many steps of a sequence one is kept.
        roll: Whether the steps of a sequence hold MIDI notes, to be seen as the 88 keys of a piano, down or not.
        frames: Clips become so many frames long, and a folder of stills is a clip.
        hold_out: Withholds a share of the pairs of levels of labels or words from training, as color*shape:0.2, though
            each level trains; their rows are the split "held_out".
        heavy_atoms: Only molecules of at most so many atoms beside hydrogen are read.
    """

    given: tuple[str, ...] = ()
    x: tuple[str, ...] = ()
    levels: int | None = None
    window: int = 64
    paired: bool = True
    skip_bad: bool = False
    size: int | tuple[int, int] | None = None
    fit: str = "crop"
    color: str | None = None
    header: bool | None = None
    missing: str = "error"
    kinds: str | Mapping[str, str] | None = None
    na: str | None = None
    decimal: str = "."
    dates: str | None = None
    group: str | None = None
    labels: str | None = None
    unit: str | None = None
    vocabulary: int = 1024
    lines: bool | None = None
    length: int | None = None
    rate: int | None = None
    encoding: str = "raw"
    horizon: int = 16
    history: int = 2
    stride: int = 1
    roll: bool = False
    frames: int | None = None
    hold_out: str | None = None
    heavy_atoms: int | None = None


@dataclasses.dataclass(frozen=True)
class Condition:
    """A condition that a source offers.

    Attributes:
        rows: One per row of x.
        space: What one of them is.
        classes: The names of label values.
        codec: The way to files and back, where the condition is more than numbers: a text, an image.
    """

    rows: Shaped[Tensor, "n *shape"]
    space: Space
    classes: list[str] | None = None
    codec: Codec | None = None

    @classmethod
    def from_cells(
        cls, name: str, cells: Sequence[str], *, missing: Collection[str] = (), kind: str | None = None
    ) -> "Condition":
        """A column of text: labels, where it holds words or at most 100 different whole numbers, else reals.

        Args:
            name: What it is called, for errors.
            cells: One per row.
            missing: The words that stand for null.
            kind: "real" or "categorical", where somebody said so; any other says nothing here.

        Raises:
            DataError: If it is to be real and holds words.

        Example:
            >>> Condition.from_cells("kind", ["red", "white", "red"]).classes
            ['red', 'white']
        """
        if isinstance(cells, Numbers) and kind != "categorical" and (kind == "real" or cells.are_reals(MOST_CLASSES)):
            return cls._of_reals(name, cells, missing)
        there = {cell for cell in different(cells) if cell.strip() not in missing}
        words = [cell for cell in there if not is_number(cell)]
        if kind == "real" and words:
            raise DataError(f"A real {name!r} must hold numbers, got {min(words)!r:.80}. Leave its kind out.")
        if there and not words:
            values = {cell: float(cell) for cell in there}
            is_real = len(there) > MOST_CLASSES or any(value != int(value) for value in values.values())
            if kind == "real" or (is_real and kind != "categorical"):
                return cls._of_reals(name, cells, missing)
            return cls._of_classes(cells, sorted(there, key=lambda cell: (values[cell], cell)))
        return cls._of_classes(cells, sorted(there))

    @classmethod
    def from_words(cls, name: str, cells: Sequence[str]) -> "Condition":
        """A column of text: as `from_cells`, but words of more than 100 kinds are texts, by their characters.

        Example:
            >>> names = Condition.from_words("name", [f"number {i}!" for i in range(101)])
            >>> names.space, names.codec.texts(names.rows[7:8])
            (Space(shape=(11,), levels=18, ragged=True), ['number 7!'])
        """
        from genzoo.data.codecs.text import TextCodec

        found = different(cells)
        if len(found) <= MOST_CLASSES or all(is_number(cell) for cell in found):
            return cls.from_cells(name, cells)
        codec = TextCodec(TextCodec.alphabet_of(cells), lines=True)
        rows = codec.rows(cells)
        return cls(rows, Space(tuple(rows.shape[1:]), levels=codec.levels, ragged=True), codec=codec)

    @classmethod
    def from_texts(cls, texts: Sequence[str]) -> "Condition":
        """Texts by their characters, whatever their script.

        Example:
            >>> Condition.from_texts(["red", "红星"]).space
            Space(shape=(3,), levels=1114112, ragged=True)
        """
        from genzoo.data.codecs.text import CharacterCodec

        codec = CharacterCodec.of(texts)
        rows = codec.rows(texts)
        return cls(rows, codec.space(rows.shape[1]), codec=codec)

    @classmethod
    def from_labels(cls, name: str, labels: Shaped[Tensor, "n *shape"]) -> "Condition":
        """Class numbers from 0.

        Raises:
            DataError: If a number is negative or beyond any count of classes.
        """
        low, high = (int(labels.min()), int(labels.max())) if len(labels) else (0, 0)
        if low < 0 or high >= 1 << 20:
            raise DataError(f"Labels {name!r} must be class numbers from 0, got [{low}, {high}]. Number the classes.")
        classes = [str(k) for k in range(high + 1)] if labels.ndim == 1 else None
        return cls(labels.long(), Space(tuple(labels.shape[1:]), levels=high + 1), classes)

    def as_x(self, name: str) -> tuple[Tensor, Space, Codec]:
        """Labels or texts as rows of data: a column of class numbers, its space, and the way to a table of their
        names; or lines of letters, of those that occur.

        Args:
            name: What the column is called.

        Raises:
            DataError: If the condition is neither, or some rows have no label.

        Example:
            >>> rows, space, codec = Condition.from_cells("kind", ["red", "white", "red"]).as_x("kind")
            >>> rows.tolist(), codec.cells(rows)
            ([[0], [1], [0]], {'kind': ['red', 'white', 'red']})
        """
        from genzoo.data.codecs.table import TableCodec
        from genzoo.data.codecs.text import SpellingCodec, TextCodec

        if isinstance(self.codec, SpellingCodec):
            texts = self.codec.texts(self.rows)
            letters = TextCodec(TextCodec.alphabet_of(texts), lines=True)
            spelled = letters.rows(texts)
            return spelled, Space(tuple(spelled.shape[1:]), levels=letters.levels, ragged=True), letters
        if self.space.levels is None or self.rows.ndim != 1 or (len(self.rows) and int(self.rows.min()) < 0):
            raise DataError(
                f"`x` must be a text, or a label that every row has, got {name!r}, {self.space}. Name another."
            )
        words = {} if self.classes is None else {name: self.classes}
        space = Space((1,), levels=self.space.levels)
        return self.rows[:, None].to(getattr(torch, space.dtype)), space, TableCodec((name,), space.levels, words)

    @classmethod
    def _of_reals(cls, name: str, cells: Sequence[str], missing: Collection[str]) -> "Condition":
        rows = numbers(name, cells, missing=missing, precise=True)
        return cls(rows if loses_digits([rows]) else rows.float(), Space(()))

    @classmethod
    def _of_classes(cls, cells: Sequence[str], classes: list[str]) -> "Condition":
        place = {cell: k for k, cell in enumerate(classes)}
        rows = torch.from_numpy(looked_up(cells, lambda cell: place.get(cell, -1), np.int64))
        return cls(rows, Space((), levels=len(classes)), classes)


@dataclasses.dataclass(frozen=True)
class Source:
    """What a reader found.

    Attributes:
        name: What it is called.
        x: Every row.
        space: What one x is.
        codec: The way back to files.
        conditions: Everything that a row could be conditioned on, by name.
        splits: The source's own splits.
        content: What decides the split of a row, where that is more than x.
        grouped: Whether rows of equal content belong together, whatever their number.
        notes: What the reader decided by itself or dropped, one sentence each.
        given_splits: The splits of the conditions, where they are not paired with x.
        skipped: What could not be read and was left out, each with the reason.
        view: How training rows are seen, where the source itself draws them.
        numbers: Which rows of the source these are, from 0 on, where some were left out.
    """

    name: str
    x: Shaped[Tensor, "n *shape"]
    space: Space
    codec: Codec
    conditions: Mapping[str, Condition] = dataclasses.field(default_factory=dict)
    splits: Mapping[str, Int[Tensor, " k"]] = dataclasses.field(default_factory=dict)
    content: Shaped[Tensor, "n *any"] | None = None
    notes: tuple[str, ...] = ()
    given_splits: Mapping[str, Int[Tensor, " m"]] | None = None
    skipped: tuple[str, ...] = ()
    view: View | None = None
    grouped: bool = False
    numbers: Int[Tensor, " n"] | None = None

    def turned(self, label: str, own: str) -> "Source":
        """The source with one of its labels as x, and what was x among the conditions; the splits stay.

        Args:
            label: The condition that becomes x.
            own: What x is called from now on.
        """
        x, space, codec = self.conditions[label].as_x(label)
        conditions = {name: part for name, part in self.conditions.items() if name != label}
        conditions[own] = Condition(self.x, self.space, codec=self.codec)
        content = self.x if self.content is None else self.content
        return dataclasses.replace(self, x=x, space=space, codec=codec, conditions=conditions, content=content)


Reader = Callable[[Any, Asked], Source]
Some = TypeVar("Some", bound=Callable[..., Source])


class Takes(NamedTuple):
    """What a reader says of itself: what it reads, in words, and the options of `Asked` that it heeds."""

    kind: str
    options: tuple[str, ...]


READERS: dict[Callable[..., Source], Takes] = {}


def reader(kind: str, *options: str) -> Callable[[Some], Some]:
    """Declares what a reader reads and which options say something to it; elsewhere they are refused.

    Args:
        kind: What it reads, as "folders of images".
        options: Fields of `Asked` beyond those that all readers take.
    """

    def declare(function: Some) -> Some:
        READERS[function] = Takes(kind, options)
        return function

    return declare
